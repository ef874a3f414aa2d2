using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Cli.Asking;
using PixSearch.Cli.Bench;
using PixSearch.Imaging;
using PixSearch.Models;
using PixSearch.Models.Families;
using PixSearch.Tensors;
using PixSearch.Tensors.Benchmarks;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary><c>px bench parts</c>: what a picture, a prompt, a decoding step and a mask cost, operation by
/// operation.</summary>
internal static class BenchPartsCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<string> model =
            new("--model") { DefaultValueFactory = _ => "pixsearch-nano", Description = "Folder or name." };
        Option<int> repeats =
            new("--repeats") { DefaultValueFactory = _ => 20, Description = "Times that each part is measured." };
        Option<int> context =
            new("--context") { DefaultValueFactory = _ => 256, Description = "Slots of the sequences." };
        Option<int> top = new("--top") { DefaultValueFactory = _ => 8, Description = "Operations shown of each part." };
        Option<string> output =
            new("--out") { DefaultValueFactory = _ => Path.Combine("out", "bench"), Description = "Folder." };
        Option<bool> cpu = new("--cpu-time")
        {
            Description = "Measure CPU time of the calling thread: for a busy machine, with PIXSEARCH_THREADS=1.",
        };
        Option<string> backend = BackendChoice.Option();
        var command = new Command("parts", "Time of each part of a question, operation by operation.")
        {
            model, repeats, context, top, cpu, output, backend,
        };
        command.SetAction(parsed => Run(AskSetup.FolderOf("model", parsed.GetValue(model)!), parsed.GetValue(repeats),
            parsed.GetValue(context), parsed.GetValue(top), new BenchClock(parsed.GetValue(cpu)),
            parsed.GetValue(output)!, parsed.GetValue(backend)));
        return command;
    }

    private static int Run(string folder, int repeats, int context, int top, BenchClock clock, string output,
        string? kind)
    {
        using IBackend inner = BackendChoice.Create(kind);
        using var backend = new TimedBackend(inner, clock);
        using ISegmentingModel model = ModelFolder.Load(backend, folder);
        if (repeats < 1 || context < 200 || context > model.ContextLength)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"--repeats is {repeats}, --context {context}; they must be at least 1, and 200 to "
                + $"{model.ContextLength} (the model's context).");
        }

        RgbImage picture = PictureCodec.Decode(new ServeLoad { Questions = 1, Pictures = 1 }.MakePictures()[0]);
        IReadOnlyList<PartTime> parts = new ModelParts(model, backend, clock, repeats).Measure(picture, context);
        var table = new Table().Title($"{inner.Name}: milliseconds (median of {repeats})");
        table.AddColumns("part", "ms", "managed bytes", "operations: calls, ms");
        foreach (PartTime part in parts)
        {
            IEnumerable<string> shares = part.Operations.Take(top)
                .Select(share => $"{share.Name} {share.Calls:0}, {Number(share.Milliseconds)}");
            table.AddRow(part.Name, Number(part.Milliseconds), $"{part.Bytes}", string.Join("; ", shares));
        }

        CliConsole.Write(table);
        Directory.CreateDirectory(output);
        string path = Path.Combine(output, "parts.json");
        File.WriteAllText(path, JsonSerializer.Serialize(new { context, repeats, parts }, s_json) + "\n");
        AnsiConsole.MarkupLineInterpolated($"{path}");
        return 0;

        static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
    }
}
