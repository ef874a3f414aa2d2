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
/// What a cluster costs and gains on this machine: the same rehearsed questions to the engine alone, through the front
/// doors of one process (what <c>px serve</c> is), then through a gateway and one, two and three silos, each a process
/// of its own on loopback; at last a silo is killed under load.
/// </summary>
internal sealed class ClusterBench(SiloSettings settings, BenchLoad load, TextWriter output)
{
    private const int SilosMax = 3;

    private readonly SiloSettings _settings = settings with { Rehearsal = true, Indexes = "" };
    private Row? _served;

    /// <summary>Runs everything and prints a line for each measurement.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        await using (NpgsqlDataSource database = NpgsqlDataSource.Create(_settings.Postgres))
        {
            await new SessionStore(database).InitializeAsync(cancellation);
        }

        await output.WriteLineAsync($"{load.Questions} questions, {load.Clients} at a time; then short ones, one at a "
            + "time; + is what is added to one process");
        await EmbeddedAsync(cancellation);
        for (int silos = 1; silos <= SilosMax; silos++)
        {
            await using BenchProcesses cluster = await BenchProcesses.StartAsync(_settings, silos, cancellation);
            using var channel = new GrpcChannel(cluster.Grpc);
            await PrintAsync($"{silos} silo{(silos > 1 ? "s" : "")}",
                await MeasureAsync(question => AskAsync(channel, question, cancellation)));
            if (silos == SilosMax)
            {
                double pause = await LoseAsync(cluster, channel, cancellation);
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"one of {silos} silos killed: longest pause of a stream {pause:0.0} s, all answers complete"));
            }
        }
    }

    /// <summary>The engine by itself, then behind the doors.</summary>
    private async Task EmbeddedAsync(CancellationToken cancellation)
    {
        using IBackend backend = SiloBackend.Create(_settings.Backend);
        string folder = Path.Combine(_settings.Models, _settings.DefaultModel);
        using ISegmentingModel model = ModelFolder.Load(backend, folder);
        var served = new ScriptedModel(model, question => question);
        var defaults = new EngineOptions();
        int pages = Math.Max(defaults.PageCount, 16 * model.ContextLength / defaults.PageSize);
        EngineOptions options = defaults with { PageCount = pages };
        await using (var loop = new EngineLoop(served, new NoSearches(), options, TimeProvider.System,
            new NoSessionLog()))
        {
            await PrintAsync("engine alone", await MeasureAsync(AskLoopAsync));

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

        await using var node = new EmbeddedNode([served], new NoSearches(), [], new NodeOptions { Engine = options });
        await using var gateway = new GatewayServer(
            new GatewayOptions { Host = "127.0.0.1", Port = 0, GrpcPort = 0, DrainGrace = TimeSpan.Zero },
            new GatewayServices(node, node, null, null));
        await gateway.StartAsync(cancellation);
        using var channel = new GrpcChannel(gateway.GrpcAddress);
        _served = await MeasureAsync(question => AskAsync(channel, question, cancellation));
        await PrintAsync("one process", _served);
        await gateway.StopAsync();
    }

    private async Task<Row> MeasureAsync(Func<string, Task<Sample>> ask)
    {
        // Once through, for code that is compiled and connections that are opened on first use.
        await load.Once.RunAsync(ask);
        return new Row(await load.RunAsync(ask), await load.RunShortAsync(ask));
    }

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

    private Task PrintAsync(string name, Row row)
    {
        Measurement many = row.Many;
        string added = "";
        if (_served is { } one && one != row)
        {
            double texts = 1 / many.EventsPerSecond;
            double before = 1 / one.Many.EventsPerSecond;
            added = string.Create(CultureInfo.InvariantCulture,
                $"  + {(texts - before) * 1e6,4:0} us/text ({(texts / before) - 1:+0.0%;-0.0%}), "
                + $"+ {(row.Short.SecondsPerQuestion - one.Short.SecondsPerQuestion) * 1000:0.0} ms/question");
        }

        return output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{name,-12} {many.QuestionsPerSecond,6:0.00} questions/s {many.EventsPerSecond,6:0} texts/s, first text "
            + $"{many.FirstText * 1000,5:0} ms; short question {row.Short.SecondsPerQuestion * 1000,5:0.0} ms{added}"));
    }

    /// <summary>Many questions at a time, and short ones one after the other.</summary>
    private sealed record Row(Measurement Many, Measurement Short);

    private sealed class NoSearches : IRetriever
    {
        public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
            throw new PixException(PixErrorKind.NotFound, "The benchmark's answers hold no search.");
    }
}
