using System.CommandLine;
using System.Text.Json;
using PixSearch.Cli.Evaluating;
using PixSearch.Evaluation;
using PixSearch.Retrieval;
using PixSearch.Tensors;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary><c>px eval retrieval</c>: encoder and index alone, with perfect masks.</summary>
internal static class EvalRetrievalCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var data = new Option<string>("--data") { Description = "Folder made by 'px data build'.", Required = true };
        var index = new Option<string>("--index")
        {
            Description = "Index of the data set's knowledge base.",
            Required = true,
        };
        var split = new Option<string>("--split")
        {
            Description = "test, val or train.",
            DefaultValueFactory = _ => "test",
        };
        var encoder = new Option<string>("--encoder")
        {
            Description = "Folder of the index encoder.",
            DefaultValueFactory = _ => ModelFolders.Encoder,
        };
        var targets = new Option<bool>("--targets") { Description = "Only entities that some question asks for." };
        var limit = new Option<int>("--limit")
        {
            Description = "Most scenes.",
            DefaultValueFactory = _ => int.MaxValue,
        };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        Option<string> backend = BackendChoice.Option();
        var command = new Command("retrieval", "Top-1 and top-5 of true mask, box and whole scene.")
        {
            data, index, split, encoder, targets, limit, json, backend,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            EvalDataset set = EvalDataset.Load(parsed.GetValue(data)!, parsed.GetValue(split)!);
            using IBackend engine = BackendChoice.Create(parsed.GetValue(backend));
            using ClipRegionEncoder loaded = ClipRegionEncoder.Load(engine, parsed.GetValue(encoder)!);
            using SearchIndex opened = SearchIndex.Open(parsed.GetValue(index)!, loaded);
            int scenes = Math.Min(parsed.GetValue(limit), set.Samples.Select(sample => sample.Image).Distinct()
                .Count());
            IReadOnlyList<RetrievalScore> scores = [];
            await CliConsole.ProgressAsync(output, "searching", scenes, report =>
            {
                scores = RetrievalEvaluation.Run(set, opened, loaded, parsed.GetValue(targets), scenes,
                    done => report(done, $"{done} scenes"), cancellation);
                return Task.CompletedTask;
            }).ConfigureAwait(false);
            Print(scores, parsed.GetValue(json), output);
            return 0;
        });
        return command;
    }

    private static void Print(IReadOnlyList<RetrievalScore> scores, bool json, TextWriter output)
    {
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(scores, new JsonSerializerOptions(JsonSerializerDefaults.Web)
            {
                NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
            }));
            return;
        }

        Table table = new Table().Title("percent found, with 95 % confidence intervals").Border(TableBorder.Rounded);
        table.AddColumns("query", "view", "n", "top-1", "top-5");
        foreach (RetrievalScore score in scores)
        {
            table.AddRow(score.Query, score.View, $"{score.Count}", QaTables.Percent(score.Top1),
                QaTables.Percent(score.Top5));
        }

        CliConsole.For(output).Write(table);
    }
}
