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
/// <c>px bench serve</c>: the engine under load, in this process: closed loop at several numbers of clients, an open
/// loop near capacity, and the three pause policies side by side on a search-heavy load: long contexts, four searches
/// each, pages for half of the clients, at several numbers of clients.
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
        Option<int[]> policyClients = new("--policy-clients")
        {
            DefaultValueFactory = _ => [4, 8, 16],
            Description = "Numbers of concurrent sessions in the policy runs; 0: no policy runs.",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<double[]> policyLatency = new("--policy-latency")
        {
            DefaultValueFactory = _ => [50, 500],
            Description = "Shortest and longest retrieval latency in ms in the policy runs; between them log-uniform.",
            AllowMultipleArgumentsPerToken = true,
            Arity = new ArgumentArity(2, 2),
        };
        Option<int> pages =
            new("--pages") { DefaultValueFactory = _ => 512, Description = "Pages in the policy runs." };
        Option<int> context = new("--context")
        {
            DefaultValueFactory = _ => 30,
            Description = "Sentences before the question in the policy runs, as a conversation's history.",
        };
        Option<string> output =
            new("--out") { DefaultValueFactory = _ => Path.Combine("out", "bench"), Description = "Folder." };
        Option<string> backend = BackendChoice.Option();
        var command = new Command("serve", "Load the engine: latencies, throughput, pause policies.")
        {
            model, questions, clients, searches, latency, policyClients, policyLatency, pages, context, output, backend,
        };
        command.SetAction((parsed, cancellation) => RunAsync(new Settings(
            AskSetup.FolderOf("model", parsed.GetValue(model)!), parsed.GetValue(questions), parsed.GetValue(clients)!,
            parsed.GetValue(searches), parsed.GetValue(latency), parsed.GetValue(policyClients)!,
            parsed.GetValue(policyLatency)!, parsed.GetValue(pages), parsed.GetValue(context),
            parsed.GetValue(output)!, parsed.GetValue(backend)), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(Settings settings, CancellationToken cancellation)
    {
        using IBackend backend = BackendChoice.Create(settings.Backend);
        using ISegmentingModel model = ModelFolder.Load(backend, settings.Model);
        var results = new List<ServeResult>();
        (double, double) fixedLatency = (settings.LatencyMs, settings.LatencyMs);
        foreach (int clients in settings.Clients)
        {
            var load = new ServeLoad
            {
                Questions = settings.Questions, Clients = clients, Searches = settings.Searches,
            };
            results.Add(await MeasureAsync(model, $"{clients} at a time", load, AllPages(model, load), fixedLatency,
                cancellation));
        }

        double rate = results[^1].QuestionsPerSecond * 0.8;
        var open = new ServeLoad { Questions = settings.Questions, Rate = rate, Searches = settings.Searches };
        string openName = string.Create(CultureInfo.InvariantCulture, $"open loop, {rate:0.0}/s");
        results.Add(await MeasureAsync(model, openName, open, AllPages(model, open), fixedLatency, cancellation));
        IReadOnlyList<PausePolicyPoint> points = await MeasurePoliciesAsync(model, settings, cancellation);
        Report(settings, [.. results, .. points.Select(point => point.Result)],
            points.Count == 0 ? [] : PausePolicyResult.Of(points));
        return 0;
    }

    // Policies take turns at each number of clients, so that a machine that slows down meets all of them alike.
    private static async Task<IReadOnlyList<PausePolicyPoint>> MeasurePoliciesAsync(ISegmentingModel model,
        Settings settings, CancellationToken cancellation)
    {
        var points = new List<PausePolicyPoint>();
        double[] latency = settings.PolicyLatencyMs;
        foreach (int clients in settings.PolicyClients.Where(static count => count > 0))
        {
            foreach (PausePolicy policy in Enum.GetValues<PausePolicy>())
            {
                int fewest = (model.ContextLength / new EngineOptions().PageSize) + 1;
                var engine = new EngineOptions
                {
                    PausePolicy = policy, PageCount = Math.Max(settings.Pages, fewest),
                };
                var load = new ServeLoad
                {
                    Questions = settings.Questions, Clients = clients, Searches = 4, Context = settings.Context,
                };
                string name = $"4 searches, {policy.ToString().ToLowerInvariant()}, {clients} at a time";
                points.Add(new PausePolicyPoint(policy, clients, await MeasureAsync(model, name, load, engine,
                    (latency[0], latency[1]), cancellation)));
            }
        }

        return points;
    }

    private static EngineOptions AllPages(ISegmentingModel model, ServeLoad load)
    {
        var engine = new EngineOptions();
        int all = (Math.Max(load.Clients, 64) * model.ContextLength / engine.PageSize) + 1;
        return engine with { PageCount = Math.Min(all, 4_096) };
    }

    private static async Task<ServeResult> MeasureAsync(ISegmentingModel model, string name, ServeLoad load,
        EngineOptions engine, (double Shortest, double Longest) latencyMs, CancellationToken cancellation)
    {
        string script = ServeLoad.Script(load.Searches);
        var scripted = new ScriptedModel(model, _ => script);
        var retriever = new DelayedRetriever(TimeSpan.FromMilliseconds(latencyMs.Shortest),
            TimeSpan.FromMilliseconds(latencyMs.Longest), TimeProvider.System);
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

    private static void Report(Settings settings, IReadOnlyList<ServeResult> results,
        IReadOnlyList<PausePolicyResult> policies)
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

        CliConsole.Write(table);
        foreach (PausePolicyResult one in policies)
        {
            double drop = policies.First(other => other.Policy == PausePolicy.Drop).QuestionsPerSecond;
            string text = string.Create(CultureInfo.InvariantCulture, $"{one.Policy}: {one.QuestionsPerSecond:0.00} "
                + $"questions/s with p99 within {one.LimitMs:0} ms, {one.QuestionsPerSecond / drop:0.00} x drop");
            AnsiConsole.MarkupLineInterpolated($"{text}");
        }

        Directory.CreateDirectory(settings.Output);
        string json = Path.Combine(settings.Output, "serve.json");
        File.WriteAllText(json, JsonSerializer.Serialize(new { settings, results, policies }, s_json) + "\n");
        string picture = Path.Combine(settings.Output, "serve.png");
        RgbImage chart = Chart.Bars("questions a second", ["questions/s"],
            [.. results.Select(result => new ChartGroup(result.Name, [result.QuestionsPerSecond]))]);
        File.WriteAllBytes(picture, PictureCodec.EncodePng(chart));
        AnsiConsole.MarkupLineInterpolated($"{json}, {picture}");

        static string Pair(Percentiles value) => $"{Number(value.P50)}/{Number(value.P99)}";

        static string Number(double value) => value.ToString(value < 10 ? "0.00" : "0", CultureInfo.InvariantCulture);
    }

    private sealed record Settings(string Model, int Questions, int[] Clients, int Searches, double LatencyMs,
        int[] PolicyClients, double[] PolicyLatencyMs, int Pages, int Context, string Output, string? Backend);
}
