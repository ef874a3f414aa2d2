using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Cli.Bench;
using PixSearch.Gateway;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px bench gateway</c>: what the front doors add to an answer: connection, checks, tenant, ledger, events on the
/// wire, and the client itself. Twice: behind a node with an engine's pace, where the time of an answer at the client
/// less its time at the node is what was added; and behind one that has everything at once, for the most that the doors
/// carry (there 16 clients wait for each other, so its times say how many fit, not what one costs).
/// </summary>
internal static class BenchGatewayCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        Option<int> requests = new("--requests")
        {
            DefaultValueFactory = _ => 2_000, Description = "Answers of each run.",
        };
        Option<int> texts = new("--texts") { DefaultValueFactory = _ => 32, Description = "Text events of an answer." };
        Option<double> step = new("--step-ms")
        {
            DefaultValueFactory = _ => 5, Description = "Time between two events of an answer, as an engine has it.",
        };
        Option<int[]> clients = new("--clients")
        {
            DefaultValueFactory = _ => [1, 16],
            Description = "Answers at the same time.",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string> output = new("--out")
        {
            DefaultValueFactory = _ => Path.Combine("out", "bench"), Description = "Folder.",
        };
        var command = new Command("gateway", "What the front doors add to an answer.")
        {
            requests, texts, step, clients, output,
        };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(requests), parsed.GetValue(texts),
            parsed.GetValue(step), parsed.GetValue(clients)!, parsed.GetValue(output)!, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(int requests, int texts, double step, int[] clients, string output,
        CancellationToken cancellation)
    {
        if (requests < 1 || texts < 1 || step is not (>= 1 and <= 1000) || clients.Any(static one => one < 1))
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                "--requests, --texts and --clients must be at least 1, --step-ms 1 to 1000.");
        }

        var results = new List<DoorResult>();
        foreach (int count in clients)
        {
            var paced = await MeasurePacedAsync(requests, texts, step, count, cancellation);
            var full = await MeasureFullAsync(requests, texts, count, cancellation);
            results.Add(new DoorResult("HTTP (SSE)", count, paced.Http, full.Http));
            results.Add(new DoorResult("gRPC", count, paced.Grpc, full.Grpc));
        }

        var table = new Table();
        table.AddColumns("door", "at a time", "added to an answer, ms p50", "p99", "to an event, ms p50", "p99",
            "answers/s at most");
        foreach (DoorResult result in results)
        {
            table.AddRow(result.Door, $"{result.Clients}", Number(result.Paced.Answer.P50),
                Number(result.Paced.Answer.P99), Number(result.Paced.Event.P50), Number(result.Paced.Event.P99),
                $"{result.AnswersPerSecond:0}");
        }

        CliConsole.Write(table);
        Directory.CreateDirectory(output);
        string path = Path.Combine(output, "gateway.json");
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(new { texts, stepMs = step, results }, s_json)
            + "\n", cancellation);
        AnsiConsole.MarkupLineInterpolated($"{path}");
        return 0;

        static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
    }

    /// <summary>What the doors add behind a node that gives events at an engine's pace.</summary>
    private static async Task<(DoorTimes Http, DoorTimes Grpc)> MeasurePacedAsync(int requests, int texts,
        double step, int clients, CancellationToken cancellation)
    {
        await using var node = new PacedNode(texts, TimeSpan.FromMilliseconds(step));
        await using GatewayServer server = await StartAsync(node, node, cancellation);
        using var client = new DoorClient(server.HttpAddress, server.GrpcAddress, null);
        var result = (await OfAsync(() => client.TextsHttpAsync("q", cancellation)),
            await OfAsync(() => client.TextsGrpcAsync("q", cancellation)));
        await server.StopAsync();
        return result;

        async Task<DoorTimes> OfAsync(Func<IAsyncEnumerable<string>> ask)
        {
            // An answer takes as long as an engine would need, and every event of it is measured: fewer are enough.
            int count = Math.Max(clients * 4, requests / 10);
            await RunAsync(clients * 2, clients, _ => ReadAsync(ask));
            var answers = new double[count];
            var events = new double[count][];
            await RunAsync(count, clients, async i => (answers[i], events[i]) = await ReadAsync(ask));
            return new DoorTimes(Percentiles.Of(answers), Percentiles.Of(events.SelectMany(static one => one)));
        }
    }

    /// <summary>Reads one answer of a <see cref="PacedNode"/>: what was added to the whole and to each event, in
    /// milliseconds.</summary>
    private static async Task<(double Answer, double[] Events)> ReadAsync(Func<IAsyncEnumerable<string>> ask)
    {
        long asked = Stopwatch.GetTimestamp();
        double answer = 0;
        var events = new List<double>();
        await foreach (string text in ask())
        {
            string[] times = text.Split(' ');
            long given = long.Parse(times[1], CultureInfo.InvariantCulture);
            long began = long.Parse(times[0], CultureInfo.InvariantCulture);
            events.Add(Stopwatch.GetElapsedTime(given).TotalMilliseconds);

            // Up to the last text: the end of an answer comes a step later.
            answer = (Stopwatch.GetElapsedTime(asked) - Stopwatch.GetElapsedTime(began, given)).TotalMilliseconds;
        }

        return events.Count > 0
            ? (answer, [.. events])
            : throw new PixException(PixErrorKind.Internal, "An answer was empty.");
    }

    /// <summary>Times of whole answers in milliseconds behind a node that has all events at once, as fast as the
    /// doors, and the clients beside them, go.</summary>
    private static async Task<(Percentiles Http, Percentiles Grpc)> MeasureFullAsync(int requests, int texts,
        int clients, CancellationToken cancellation)
    {
        var node = new InstantNode(texts);
        await using GatewayServer server = await StartAsync(node, node, cancellation);
        using var client = new DoorClient(server.HttpAddress, server.GrpcAddress, null);
        var result = (await OfAsync(() => client.AskHttpAsync("q", cancellation)),
            await OfAsync(() => client.AskGrpcAsync("q", cancellation)));
        await server.StopAsync();
        return result;

        async Task<Percentiles> OfAsync(Func<Task<long>> ask)
        {
            await RunAsync(Math.Max(clients * 4, requests / 10), clients, _ => ask());
            var times = new double[requests];
            await RunAsync(requests, clients, async i =>
            {
                long start = Stopwatch.GetTimestamp();
                if (await ask() == 0)
                {
                    throw new PixException(PixErrorKind.Internal, "An answer was empty.");
                }

                times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            });
            return Percentiles.Of(times);
        }
    }

    private static async Task<GatewayServer> StartAsync(IAnswerService service, INodeCatalog catalog,
        CancellationToken cancellation)
    {
        var server = new GatewayServer(new GatewayOptions { Port = 0, GrpcPort = 0 },
            new GatewayServices(service, catalog, null, null));
        await server.StartAsync(cancellation);
        return server;
    }

    private static Task RunAsync(int count, int clients, Func<int, Task> ask)
    {
        int next = -1;
        return Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
        {
            await Task.Yield();
            for (int i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
            {
                await ask(i);
            }
        }));
    }

    private sealed record DoorTimes(Percentiles Answer, Percentiles Event);

    private sealed record DoorResult(string Door, int Clients, DoorTimes Paced, Percentiles Full)
    {
        public double AnswersPerSecond => Clients * 1000 / Full.Mean;
    }
}
