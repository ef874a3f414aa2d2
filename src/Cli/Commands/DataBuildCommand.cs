using System.CommandLine;
using PixSearch.Abstractions;
using PixSearch.Training.Data;
using PixSearch.Training.Data.Sources;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px data build</c>: fetches the sources and builds a data set with pictures, questions and knowledge base.
/// </summary>
internal static class DataBuildCommand
{
    private const int TestScenesMax = 300;

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var name = new Argument<string>("set")
        {
            Description = "flags, market, monuments, or samples (the pictures of px demo).",
        };
        name.AcceptOnlyFromAmong("flags", "market", "monuments", "samples");
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder to write.", Required = true };
        var seed = new Option<ulong>("--seed")
        {
            Description = "Equal seeds give equal bytes.", DefaultValueFactory = _ => 1,
        };
        var count = new Option<int?>("--count")
        {
            Description = "Training scenes (default: flags 5000, market 6000); at most 300 test scenes.",
        };
        var command = new Command("build", "Build a data set from packages that are fetched now.")
        {
            name, output, seed, count,
        };
        command.SetAction(async (parsed, cancellation) => await RunAsync(parsed.GetValue(name)!,
            parsed.GetValue(output)!.FullName, parsed.GetValue(seed), parsed.GetValue(count), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string name, string folder, ulong seed, int? count,
        CancellationToken cancellation)
    {
        if (count is < 1 or > 1_000_000)
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"--count is {count}; it must be 1 to 1000000.");
        }

        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"--out {folder} cannot be written: {error.Message}", error);
        }

        int scenes = count ?? (name == "flags" ? 5000 : 6000);
        int validation = Math.Min(150, Math.Max(1, scenes / 10));
        var size = new DataSetSize(seed, scenes, validation, Math.Min(TestScenesMax, scenes));
        var cache = new SourceCache(report: what => AnsiConsole.MarkupLineInterpolated($"[grey]{what}[/]"));
        DataSetCounts counts = name switch
        {
            "monuments" => await MonumentSources.BuildAsync(cache, seed, cancellation, folder),
            "samples" => await SampleSources.BuildAsync(cache, cancellation, folder),
            _ => await BuildComposedAsync(name, cache, size, folder, cancellation),
        };
        var table = new Table().AddColumns("split", "samples");
        foreach ((string split, int samples) in counts.Samples)
        {
            table.AddRow(split, $"{samples}");
        }

        AnsiConsole.Write(table.AddRow("documents", $"{counts.Documents}"));
        string look = Path.Combine(folder, name == "samples" ? "" : "contact-sheet.png");
        AnsiConsole.MarkupLineInterpolated($"Look at {look}");
        return 0;
    }

    private static async Task<DataSetCounts> BuildComposedAsync(string name, SourceCache cache, DataSetSize size,
        string folder, CancellationToken cancellation)
    {
        SourceSet sources = name == "flags"
            ? await FlagSources.LoadAsync(cache, cancellation)
            : await MarketSources.LoadAsync(cache, cancellation);
        return AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(),
                new RemainingTimeColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask($"composing {name}", maxValue: 1);
                return DataSetBuilder.Build(sources, size, done => task.Value = Math.Max(task.Value, done),
                    cancellation, folder);
            });
    }
}
