using System.CommandLine;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints.Published;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px convert</c>: a published checkpoint in the project's own layout, in the numbers that are wanted.
/// </summary>
internal static class ConvertCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var input = new Argument<string>("IN") { Description =
            "Checkpoint: a file or a folder, as px inspect takes it." };
        var output = new Option<string>("--out") { Description = "Folder to write.", Required = true };
        var type = new Option<string>("--dtype") { Description = "Storage.", DefaultValueFactory = _ => "bf16" };
        type.AcceptOnlyFromAmong("f32", "bf16", "q8");
        var vision = new Option<string?>("--vision") { Description = "CLIP's checkpoint, where IN leaves it out." };
        var adapter = new Option<string?>("--adapter") { Description = "PEFT adapter to merge: a file or folder." };
        var alpha = new Option<float>("--lora-alpha")
        {
            Description = "Alpha of adapters that come without their configuration.",
            DefaultValueFactory = _ => 16,
        };
        var command = new Command("convert", "Write a checkpoint as model.safetensors, config.json and tokenizer.json.")
        {
            input, output, type, vision, adapter, alpha,
        };
        command.SetAction(parsed => Run(parsed.GetValue(input)!, parsed.GetValue(output)!, parsed.GetValue(type)!,
            new PublishedOptions
            {
                VisionPath = parsed.GetValue(vision),
                AdapterPath = parsed.GetValue(adapter),
                LoraAlpha = parsed.GetValue(alpha),
            },
            parsed.InvocationConfiguration.Output));
        return command;
    }

    private static int Run(string input, string folder, string type, PublishedOptions options, TextWriter output)
    {
        if (Path.GetFullPath(input).TrimEnd('/') == Path.GetFullPath(folder).TrimEnd('/'))
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"--out is IN itself ('{folder}'); name another folder.");
        }

        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(input, options);
        ConvertedType target = Enum.Parse<ConvertedType>(type, ignoreCase: true);
        IReadOnlyList<string> notes = Console.IsErrorRedirected
            ? CheckpointConverter.Convert(checkpoint, target, folder)
            : ConvertVisibly(checkpoint, target, folder);
        output.WriteLine($"{checkpoint.Layout} written to {folder} as {type}");
        foreach (string note in notes)
        {
            output.WriteLine(note);
        }

        return 0;
    }

    private static IReadOnlyList<string> ConvertVisibly(PublishedCheckpoint checkpoint, ConvertedType target,
        string folder)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(Console.Error),
        });
        return console.Status().Start("Converting", status => CheckpointConverter.Convert(checkpoint, target, folder,
            new StatusProgress(name => status.Status(Markup.Escape(PlainText.OneLine(name))))));
    }

    // Progress<T> would report on other threads, after the end.
    private sealed class StatusProgress(Action<string> report) : IProgress<string>
    {
        public void Report(string value) => report(value);
    }
}
