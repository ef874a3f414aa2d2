using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Cli.Asking;
using PixSearch.Cli.Bench;
using PixSearch.Imaging;
using PixSearch.Imaging.Drawing;
using PixSearch.Inference.Engine;
using PixSearch.Models;
using PixSearch.Models.Families;
using PixSearch.Node;
using PixSearch.Tensors;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px bench serve</c>: the engine under load, in this process: closed loop at several numbers of clients, the
/// three pause policies on a search-heavy load with few pages, and an open loop near capacity.
/// </summary>
internal static class BenchServeCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<string> model =
            new("--model") { DefaultValueFactory = _ => "pixsearch-nano", Description = "Folder or name." };
        Option<int> questions =
            new("--questions") { DefaultValueFactory = _ => 64, Description = "Questions of each run." };
        Option<int[]> clients = new("--clients")
        {
            DefaultValueFactory = _ => [1, 16],
            Description = "Numbers of concurrent sessions.",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<int> searches =
            new("--searches") { DefaultValueFactory = _ => 2, Description = "Searches of each answer (0-4)." };
        Option<double> latency =
            new("--latency") { DefaultValueFactory = _ => 50, Description = "Retrieval latency in ms." };
        Option<int> pages =
            new("--pages") { DefaultValueFactory = _ => 256, Description = "Pages in the policy runs." };
        Option<int> context = new("--context")
        {
            DefaultValueFactory = _ => 12,
            Description = "Sentences before the question in the policy runs, as a conversation's history.",
        };
        Option<string> output =
            new("--out") { DefaultValueFactory = _ => Path.Combine("out", "bench"), Description = "Folder." };
        Option<string> backend = BackendChoice.Option();
        var command = new Command("serve", "Load the engine: latencies, throughput, pause policies.")
        {
            model, questions, clients, searches, latency, pages, context, output, backend,
        };
        command.SetAction((parsed, cancellation) => RunAsync(new Settings(
            AskSetup.FolderOf("model", parsed.GetValue(model)!), parsed.GetValue(questions), parsed.GetValue(clients)!,
            parsed.GetValue(searches), parsed.GetValue(latency), parsed.GetValue(pages), parsed.GetValue(context),
            parsed.GetValue(output)!, parsed.GetValue(backend)), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(Settings settings, CancellationToken cancellation)
    {
        using IBackend backend = BackendChoice.Create(settings.Backend);
        using ISegmentingModel model = ModelFolder.Load(backend, settings.Model);
        var results = new List<ServeResult>();
        foreach (int clients in settings.Clients)
        {
            var load = new ServeLoad
            {
                Questions = settings.Questions, Clients = clients, Searches = settings.Searches,
            };
            results.Add(await MeasureAsync(model, settings, $"{clients} at a time", load, new EngineOptions(),
                cancellation));
        }

        int most = settings.Clients.Max();
        foreach (PausePolicy policy in Enum.GetValues<PausePolicy>())
        {
            var engine = new EngineOptions { PausePolicy = policy, PageCount = settings.Pages };
            var load = new ServeLoad
            {
                Questions = settings.Questions, Clients = most, Searches = 4, Context = settings.Context,
            };
            string name = $"4 searches, {policy.ToString().ToLowerInvariant()}";
            results.Add(await MeasureAsync(model, settings, name, load, engine, cancellation));
        }

        double rate = results[settings.Clients.Length - 1].QuestionsPerSecond * 0.8;
        var open = new ServeLoad { Questions = settings.Questions, Rate = rate, Searches = settings.Searches };
        string openName = string.Create(CultureInfo.InvariantCulture, $"open loop, {rate:0.0}/s");
        results.Add(await MeasureAsync(model, settings, openName, open, new EngineOptions(), cancellation));
        Report(settings, results);
        return 0;
    }

    private static async Task<ServeResult> MeasureAsync(ISegmentingModel model, Settings settings, string name,
        ServeLoad load,
        EngineOptions engine, CancellationToken cancellation)
    {
        // Policy runs have few pages on purpose, the others as many as all clients need.
        int all = (Math.Max(load.Clients, 64) * model.ContextLength / engine.PageSize) + 1;
        int fewest = (model.ContextLength / engine.PageSize) + 1;
        bool few = engine.PageCount == settings.Pages;
        engine = engine with { PageCount = few ? Math.Max(settings.Pages, fewest) : Math.Min(all, 4_096) };
        string script = ServeLoad.Script(load.Searches);
        var scripted = new ScriptedModel(model, _ => script);
        var retriever = new DelayedRetriever(TimeSpan.FromMilliseconds(settings.LatencyMs), TimeProvider.System);
        await using var node = new EmbeddedNode([scripted], retriever, [], new NodeOptions { Engine = engine });
        var runner = new ServeRunner(node, TimeProvider.System);

        // The first questions pay for compilation of the code and for first touches of memory.
        await runner.RunAsync("warm-up", load with { Questions = Math.Min(4, load.Questions), Clients = 2, Seed = 99 },
            cancellation);
        ServeResult result = await runner.RunAsync(name, load, cancellation);
        EngineStats stats = await node.StatsAsync();
        AnsiConsole.MarkupLineInterpolated(
            $"{name}: {result.QuestionsPerSecond:0.00} questions/s, first text p50 {result.FirstText.P50:0} ms");
        AnsiConsole.MarkupLineInterpolated(
            $"  {stats.RowSeconds:0.0} s rows, {stats.ImageSeconds:0.0} s pictures, {stats.MaskSeconds:0.0} s masks");
        AnsiConsole.MarkupLineInterpolated($"  {stats.Rows} rows, {stats.Preemptions} preemptions");
        return result with { Engine = stats };
    }

    private static void Report(Settings settings, IReadOnlyList<ServeResult> results)
    {
        var table = new Table();
        table.AddColumns("run", "q/s", "good/s", "tok/s", "TTFT p50/p99", "ITL p50/p99", "TTFM p50/p99",
            "search p50/p99",
            "end p50/p99", "refused", "failed");
        foreach (ServeResult result in results)
        {
            table.AddRow(result.Name, Number(result.QuestionsPerSecond), Number(result.GoodPerSecond),
                Number(result.TokensPerSecond), Pair(result.FirstText), Pair(result.BetweenTexts),
                    Pair(result.FirstMask),
                Pair(result.SearchTurn), Pair(result.EndToEnd), $"{result.Refused}", $"{result.Failed}");
        }

        AnsiConsole.Write(table);
        Directory.CreateDirectory(settings.Output);
        string json = Path.Combine(settings.Output, "serve.json");
        File.WriteAllText(json, JsonSerializer.Serialize(new { settings, results }, s_json) + "\n");
        string picture = Path.Combine(settings.Output, "serve.png");
        RgbImage chart = Chart.Bars("questions a second", ["questions/s"],
            [.. results.Select(result => new ChartGroup(result.Name, [result.QuestionsPerSecond]))]);
        File.WriteAllBytes(picture, PictureCodec.EncodePng(chart));
        AnsiConsole.MarkupLineInterpolated($"{json}, {picture}");

        static string Pair(Percentiles value) => $"{Number(value.P50)}/{Number(value.P99)}";

        static string Number(double value) => value.ToString(value < 10 ? "0.00" : "0", CultureInfo.InvariantCulture);
    }

    private sealed record Settings(string Model, int Questions, int[] Clients, int Searches, double LatencyMs,
        int Pages, int Context, string Output, string? Backend);
}
