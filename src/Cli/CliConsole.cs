using Spectre.Console;

namespace PixSearch.Cli;

/// <summary>Terminal output over the writer of an invocation, so that tests can read it.</summary>
internal static class CliConsole
{
    // Wide enough for every column of a table when the output is a file or a pipe.
    private const int PipeWidth = 160;

    /// <summary>A console; with a terminal's abilities only when the writer is the process's and is no pipe.</summary>
    public static IAnsiConsole For(TextWriter output)
    {
        if (ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected)
        {
            return AnsiConsole.Console;
        }

        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = PipeWidth;
        return console;
    }

    /// <summary>Prints a table in full width: a pipe counts as 80 columns, which would break its cells.</summary>
    public static void Write(Table table)
    {
        if (Console.IsOutputRedirected)
        {
            AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, PipeWidth);
        }

        AnsiConsole.Write(table);
    }

    /// <summary>Runs work under a progress bar; without a terminal the work runs alone and reports nothing.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="title">What is done.</param>
    /// <param name="total">Units of work; null when it is not known.</param>
    /// <param name="work">Reports units done and a text; called on this thread.</param>
    public static async Task ProgressAsync(TextWriter output, string title, int? total, Func<Action<int, string>,
        Task> work)
    {
        IAnsiConsole console = For(output);
        if (!console.Profile.Capabilities.Interactive || Console.IsOutputRedirected)
        {
            await work((_, _) => { }).ConfigureAwait(false);
            return;
        }

        await console.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(),
            new RemainingTimeColumn()).StartAsync(async context =>
            {
                ProgressTask bar = context.AddTask(Markup.Escape(title), maxValue: total ?? 1);
                bar.IsIndeterminate = total is null;
                await work((done, text) =>
                {
                    bar.Value = total is null ? 0 : done;
                    bar.Description = Markup.Escape($"{title} {text}".TrimEnd());
                }).ConfigureAwait(false);
                bar.Value = bar.MaxValue;
                bar.IsIndeterminate = false;
            }).ConfigureAwait(false);
    }
}
