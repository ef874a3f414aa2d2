using System.Diagnostics;
using System.Globalization;
using Npgsql;
using PixSearch.Abstractions;
using PixSearch.Gateway;
using PixSearch.Gateway.V1;
using PixSearch.Grains.Storage;
using PixSearch.Grpc;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;
using PixSearch.Models;
using PixSearch.Models.Families;
using PixSearch.Node;
using PixSearch.Tensors;
using AnswerRequest = PixSearch.Abstractions.AnswerRequest;
using Finished = PixSearch.Abstractions.Finished;
using SessionStore = PixSearch.Grains.Storage.SessionStore;
using TextDelta = PixSearch.Abstractions.TextDelta;

namespace PixSearch.Silo.Bench;

/// <summary>
/// What a cluster costs and gains on this machine: the same rehearsed questions to the engine alone and through the
/// front doors of one process (what <c>px serve</c> is), in turns with a gateway and one, two and three silos, each a
/// process of its own on loopback; at last a silo is killed under load.
/// </summary>
internal sealed class ClusterBench(SiloSettings settings, BenchLoad load, int silosMax, TextWriter output)
{
    // Each pair is measured in turns, so that both see the same machine; the middle one is printed.
    private const int Rounds = 3;

    // A process that has just started compiles its code for a while on a core that the measurement needs: a third of a
    // silo's time in the first seconds.
    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(10);

    private readonly SiloSettings _settings = settings with { Rehearsal = true, Indexes = "" };

    /// <summary>Runs everything and prints a line for each measurement.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        await using NpgsqlDataSource database = NpgsqlDataSource.Create(_settings.Postgres);
        await new SessionStore(database).InitializeAsync(cancellation);
        DatabaseCpu databaseCpu = await DatabaseCpu.OpenAsync(database, cancellation);
        await output.WriteLineAsync($"{load.Questions} questions, {load.Clients} at a time, {Rounds} rounds; then "
            + "short ones, one at a time; + is what is added to one process; us of processor time for each text");

        using IBackend backend = SiloBackend.Create(_settings.Backend);
        string folder = Path.Combine(_settings.Models, _settings.DefaultModel);
        using ISegmentingModel model = ModelFolder.Load(backend, folder);
        var served = new ScriptedModel(model, question => question);
        var defaults = new EngineOptions();
        int pages = Math.Max(defaults.PageCount, 16 * model.ContextLength / defaults.PageSize);
        EngineOptions options = defaults with { PageCount = pages, KvType = _settings.Kv };
        await EngineAloneAsync(served, options, cancellation);

        await using var node = new EmbeddedNode([served], new NoSearches(), [], new NodeOptions { Engine = options });
        await using var gateway = new GatewayServer(
            new GatewayOptions { Host = "127.0.0.1", Port = 0, GrpcPort = 0, DrainGrace = TimeSpan.Zero },
            new GatewayServices(node, node, null, null));
        await gateway.StartAsync(cancellation);
        using var door = new GrpcChannel(gateway.GrpcAddress);
        await WarmUpAsync(door, cancellation);
        for (int silos = 1; silos <= silosMax; silos++)
        {
            await using BenchProcesses cluster = await BenchProcesses.StartAsync(_settings, silos, cancellation);
            using var channel = new GrpcChannel(cluster.Grpc);
            await CompareAsync(silos, door, channel, () => [OwnCpu(), cluster.GatewayCpu, cluster.SilosCpu,
                databaseCpu.Seconds], cancellation);
            if (silos == 3)
            {
                double pause = await LoseAsync(cluster, channel, cancellation);
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"one of {silos} silos killed: longest pause of a stream {pause:0.0} s, all answers complete"));
            }
        }

        await gateway.StopAsync();
    }

    private async Task CompareAsync(int silos, GrpcChannel door, GrpcChannel channel, Func<double[]> cpu,
        CancellationToken cancellation)
    {
        var ones = new List<Row>();
        var many = new List<Row>();

        await WarmUpAsync(channel, cancellation);
        for (int round = 0; round < Rounds; round++)
        {
            ones.Add(await MeasureAsync(question => AskAsync(door, question, cancellation), () => [OwnCpu(), 0, 0, 0]));
            many.Add(await MeasureAsync(question => AskAsync(channel, question, cancellation), cpu));
        }

        Row one = Middle(ones);
        await PrintAsync("one process", one, null);
        await PrintAsync($"{silos} silo{(silos > 1 ? "s" : "")}", Middle(many), one);
    }

    private async Task WarmUpAsync(GrpcChannel channel, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < s_warmUp)
        {
            await load.RunAsync(question => AskAsync(channel, question, cancellation));
        }
    }

    private async Task EngineAloneAsync(ISegmentingModel served, EngineOptions options, CancellationToken cancellation)
    {
        await using var loop = new EngineLoop(served, new NoSearches(), options, TimeProvider.System,
            new NoSessionLog());
        await load.RunAsync(AskLoopAsync);
        await PrintAsync("engine alone", await MeasureAsync(AskLoopAsync, () => [OwnCpu(), 0, 0, 0]), null);

        async Task<Sample> AskLoopAsync(string question)
        {
            var sample = new Sample();
            EventStream events = await loop.SubmitAsync(new EngineRequest(Guid.NewGuid().ToString("N"),
                new AnswerRequest { Question = question },
                new SessionOptions { Mode = Abstractions.SearchMode.None }, null, 0));
            await foreach (SessionEvent next in events.ReadAsync(0, cancellation))
            {
                sample.Add(next is TextDelta, next is Finished);
            }

            return sample;
        }
    }

    private async Task<Row> MeasureAsync(Func<string, Task<Sample>> ask, Func<double[]> cpu)
    {
        double[] before = cpu();
        Measurement many = await load.RunAsync(ask);
        double texts = many.EventsPerSecond * load.Questions / many.QuestionsPerSecond;
        double[] each = [.. cpu().Zip(before, (now, then) => (now - then) / texts * 1e6)];
        return new Row(many, await load.RunShortAsync(ask), each);
    }

    private static Row Middle(List<Row> rows) => rows.OrderBy(row => row.Cpu.Sum()).ElementAt(rows.Count / 2);

    private static double OwnCpu() => Environment.CpuUsage.TotalTime.TotalSeconds;

    private async Task<double> LoseAsync(BenchProcesses cluster, GrpcChannel channel, CancellationToken cancellation)
    {
        int begun = 0;
        Measurement running = await load.RunAsync(question =>
        {
            if (Interlocked.Increment(ref begun) == load.Clients + 1)
            {
                cluster.KillOne();
            }

            return AskAsync(channel, question, cancellation);
        });
        return running.LongestPause;
    }

    private static async Task<Sample> AskAsync(GrpcChannel channel, string question, CancellationToken cancellation)
    {
        var sample = new Sample();
        await foreach (AnswerEvent next in channel.ServerStreamAsync<Gateway.V1.AnswerRequest, AnswerEvent>(
            "/pixsearch.v1.PixSearch/Answer",
            new Gateway.V1.AnswerRequest { Question = question, SearchMode = Gateway.V1.SearchMode.None },
            cancellation: cancellation))
        {
            sample.Add(next.EventCase == AnswerEvent.EventOneofCase.Text,
                next.EventCase == AnswerEvent.EventOneofCase.Finished);
        }

        return sample;
    }

    private Task PrintAsync(string name, Row row, Row? one)
    {
        Measurement many = row.Many;
        string added = "";
        if (one is not null)
        {
            double texts = 1 / many.EventsPerSecond;
            double before = 1 / one.Many.EventsPerSecond;
            added = string.Create(CultureInfo.InvariantCulture,
                $"  + {(texts - before) * 1e6,4:0} us/text ({(texts / before) - 1:+0.0%;-0.0%}), "
                + $"+ {row.Cpu.Sum() - one.Cpu.Sum(),4:0} us of processor time "
                + $"({(row.Cpu.Sum() / one.Cpu.Sum()) - 1:+0.0%;-0.0%}), "
                + $"+ {(row.Short.SecondsPerQuestion - one.Short.SecondsPerQuestion) * 1000:0.0} ms/question");
        }

        return output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{name,-12} {many.QuestionsPerSecond,6:0.00} questions/s {many.EventsPerSecond,6:0} texts/s, first text "
            + $"{many.FirstText * 1000,5:0} ms; short question {row.Short.SecondsPerQuestion * 1000,5:0.0} ms; "
            + $"processor {row.Cpu.Sum(),4:0} us (clients {row.Cpu[0]:0}, gateway {row.Cpu[1]:0}, "
            + $"silos {row.Cpu[2]:0}, database {row.Cpu[3]:0}){added}"));
    }

    /// <summary>Many questions at a time, and short ones one after the other.</summary>
    /// <param name="Many">The former.</param>
    /// <param name="Short">The latter.</param>
    /// <param name="Cpu">Microseconds of processor time for each text of the former: this process (clients, and the
    /// engine where it is here), gateway, silos, database.</param>
    private sealed record Row(Measurement Many, Measurement Short, double[] Cpu);

    private sealed class NoSearches : IRetriever
    {
        public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
            throw new PixException(PixErrorKind.NotFound, "The benchmark's answers hold no search.");
    }
}
