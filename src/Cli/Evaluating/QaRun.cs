using System.CommandLine;
using PixSearch.Abstractions;
using PixSearch.Evaluation;
using PixSearch.Node;

namespace PixSearch.Cli.Evaluating;

/// <summary>Asks chosen questions in several modes, with a bar, on from where an earlier run stopped.</summary>
internal static class QaRun
{
    /// <summary>Runs the modes one after another.</summary>
    public static async Task<List<(string Mode, IReadOnlyList<QaRecord> Records)>> RunAsync(EvalSetup setup,
        ParseResult parsed,
        EvalDataset data, IReadOnlyList<EvalSample> samples, IReadOnlyList<SearchMode> modes, QaOptions options,
        CancellationToken cancellation)
    {
        string? output = parsed.GetValue(setup.Output);
        var results = new List<(string, IReadOnlyList<QaRecord>)>();
        await using NodeAssembly assembly = await setup.OpenAsync(parsed).ConfigureAwait(false);
        var runner = new QaRunner(assembly.Node, data, options);
        await CliConsole.ProgressAsync(parsed.InvocationConfiguration.Output, "asking", samples.Count * modes.Count,
            async report =>
        {
            int done = 0;
            foreach (SearchMode mode in modes)
            {
                string name = mode.ToString().ToLowerInvariant();
                string run = setup.Describe(parsed, data,
                    $"{name}; tokens {options.TokensMax}; budget {options.SearchBudget}");
                using QaLog? log = output is null ? null
                    : QaLog.Open(Path.Combine(output, $"answers-{name}.jsonl"), run);
                EvalSample[] open = [.. samples.Where(sample => log is null || !log.Records.ContainsKey(sample.Id))];
                done += samples.Count - open.Length;
                int correct = 0;
                int asked = 0;
                IReadOnlyList<QaRecord> fresh = await runner.RunAsync(open, mode, record =>
                {
                    log?.Append(record);
                    correct += record.Verdict == Verdict.Correct ? 1 : 0;
                    report(++done, $"{name}: {correct} of {++asked} correct");
                }, cancellation).ConfigureAwait(false);
                Dictionary<string, QaRecord> known = fresh.ToDictionary(record => record.Id, StringComparer.Ordinal);
                IEnumerable<QaRecord> all = samples.Select(sample =>
                    known.GetValueOrDefault(sample.Id) ?? log!.Records[sample.Id]);
                results.Add((name, [.. all]));
            }
        }).ConfigureAwait(false);
        return results;
    }
}
