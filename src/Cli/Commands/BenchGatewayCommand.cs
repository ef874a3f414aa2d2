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
/// <c>px bench gateway</c>: what the front doors add to an answer. The node behind them answers at once, so that the
/// time of a whole answer at a client less the time of the same answer read from the port is the door's share:
/// connection, checks, tenant, ledger, events on the wire, and the client itself.
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
            requests, texts, clients, output,
        };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(requests), parsed.GetValue(texts),
            parsed.GetValue(clients)!, parsed.GetValue(output)!, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(int requests, int texts, int[] clients, string output,
        CancellationToken cancellation)
    {
        if (requests < 1 || texts < 1 || clients.Any(static one => one < 1))
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                "--requests, --texts and --clients must be at least 1.");
        }

        var node = new InstantNode(texts);
        await using var server = new GatewayServer(new GatewayOptions { Port = 0, GrpcPort = 0 },
            new GatewayServices(node, node, null, null));
        await server.StartAsync(cancellation);
        using var client = new DoorClient(server.HttpAddress, server.GrpcAddress, null);
        var results = new List<DoorResult>();
        foreach (int count in clients)
        {
            Percentiles port = await MeasureAsync(requests, count, () => AskPortAsync(node, cancellation));
            Percentiles http = await MeasureAsync(requests, count, () => client.AskHttpAsync("q", cancellation));
            Percentiles grpc = await MeasureAsync(requests, count, () => client.AskGrpcAsync("q", cancellation));
            results.Add(new DoorResult("HTTP (SSE)", count, http, port));
            results.Add(new DoorResult("gRPC", count, grpc, port));
        }

        var table = new Table();
        table.AddColumns("door", "at a time", "added ms p50", "added ms p99", "answers", "answers/s");
        foreach (DoorResult result in results)
        {
            table.AddRow(result.Door, $"{result.Clients}", Number(result.AddedP50), Number(result.AddedP99),
                $"{result.Answer.Count}", Number(result.Clients * 1000 / result.Answer.Mean));
        }

        AnsiConsole.Write(table);
        Directory.CreateDirectory(output);
        string path = Path.Combine(output, "gateway.json");
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(new { texts, results }, s_json) + "\n",
            cancellation);
        AnsiConsole.MarkupLineInterpolated($"{path}");
        await server.StopAsync();
        return 0;

        static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
    }

    private static async Task<long> AskPortAsync(InstantNode node, CancellationToken cancellation)
    {
        string id = await node.StartAsync(new AnswerRequest { Question = "q" }, cancellation);
        long events = 0;
        await foreach (SessionEvent _ in node.ReadAsync(id, 0, cancellation))
        {
            events++;
        }

        return events;
    }

    /// <summary>Times of whole answers in milliseconds; a tenth of as many before them warms up code and
    /// connections.</summary>
    private static async Task<Percentiles> MeasureAsync(int requests, int clients, Func<Task<long>> ask)
    {
        await RunAsync(Math.Max(clients * 4, requests / 10));
        return Percentiles.Of(await RunAsync(requests));

        async Task<double[]> RunAsync(int count)
        {
            var times = new double[count];
            int next = -1;
            await Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
            {
                await Task.Yield();
                for (int i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
                {
                    long start = Stopwatch.GetTimestamp();
                    if (await ask() == 0)
                    {
                        throw new PixException(PixErrorKind.Internal, "An answer was empty.");
                    }

                    times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                }
            }));
            return times;
        }
    }

    private sealed record DoorResult(string Door, int Clients, Percentiles Answer, Percentiles Port)
    {
        public double AddedP50 => Answer.P50 - Port.P50;

        public double AddedP99 => Answer.P99 - Port.P99;
    }
}
