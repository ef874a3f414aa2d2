using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using PixSearch.Abstractions;
using PixSearch.Cli.Evaluating;
using PixSearch.Evaluation;

namespace PixSearch.Cli.Commands;

/// <summary><c>px eval qa</c>: questions with and without searches, scored as in Table 1 of the paper.</summary>
internal static class EvalQaCommand
{
    private static readonly SearchMode[] s_all =
        [SearchMode.None, SearchMode.Text, SearchMode.Image, SearchMode.Region, SearchMode.Auto];

    // NaN stands for "nothing to measure"; JSON has no other way to say so.
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        WriteIndented = true,
    };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var setup = new EvalSetup();
        var modes = new Option<string>("--modes")
        {
            Description = "all, or some of none,text,image,region,auto.",
            DefaultValueFactory = _ => "all",
        };
        var budget = new Option<int?>("--budget") { Description = "Most searches of a question (0-32)." };
        var tokens = new Option<int>("--max-tokens")
        {
            Description = "Most tokens of an answer.",
            DefaultValueFactory = _ => 128,
        };
        var command = new Command("qa", "Truthfulness, accuracy, missing and hallucination of each search mode.")
        {
            modes, budget, tokens,
        };
        setup.AddTo(command);
        command.SetAction((parsed, cancellation) =>
            RunAsync(setup, parsed, ParseModes(parsed.GetValue(modes)!), new QaOptions
        {
            Concurrency = parsed.GetValue(setup.Parallel),
            SearchBudget = parsed.GetValue(budget),
            TokensMax = parsed.GetValue(tokens),
        }, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(EvalSetup setup, ParseResult parsed, IReadOnlyList<SearchMode> modes,
        QaOptions options,
        CancellationToken cancellation)
    {
        if (modes.Any(mode => mode != SearchMode.None) && (parsed.GetValue(setup.Ask.Index) ?? []).Length == 0)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                "Modes that search need --index FOLDER: build one with 'px index build DATA/kb --out FOLDER'.");
        }

        EvalDataset data = EvalDataset.Load(parsed.GetValue(setup.Data)!, parsed.GetValue(setup.Split)!);
        IReadOnlyList<EvalSample> samples = setup.Choose(parsed, data, sample => sample.Stage == 2);
        QaReport report = QaReport.Of(await QaRun.RunAsync(setup, parsed, data, samples, modes, options, cancellation)
            .ConfigureAwait(false));
        TextWriter output = parsed.InvocationConfiguration.Output;
        if (parsed.GetValue(setup.Json))
        {
            await output.WriteLineAsync(JsonSerializer.Serialize(new { report.Groups, report.Ratios }, s_json))
                .ConfigureAwait(false);
        }
        else
        {
            QaTables.Print(CliConsole.For(output), report);
        }

        if (parsed.GetValue(setup.Output) is { } folder)
        {
            string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(data.Directory)));
            QaReportFiles.Write(report, $"{name}: {samples.Count} questions of {data.Split}", folder);
            TextWriter notes = parsed.GetValue(setup.Json) ? parsed.InvocationConfiguration.Error : output;
            await notes.WriteLineAsync($"answers, report.csv and report.png are in {folder}").ConfigureAwait(false);
        }

        return 0;
    }

    private static SearchMode[] ParseModes(string text)
    {
        if (text.Trim() == "all")
        {
            return s_all;
        }

        return [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(part =>
            s_all.Where(mode => string.Equals(mode.ToString(), part, StringComparison.OrdinalIgnoreCase))
            .Cast<SearchMode?>()
                .FirstOrDefault() ?? throw new PixException(PixErrorKind.InvalidArgument,
                    $"--modes has '{part}'; known are all, none, text, image, region, auto.")).Distinct()];
    }
}
