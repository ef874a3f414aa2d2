using System.Diagnostics;
using System.Globalization;
using Npgsql;
using PixSearch.Abstractions;
using PixSearch.Gateway.V1;
using PixSearch.Grains.Storage;
using PixSearch.Grpc;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;
using PixSearch.Models;
using PixSearch.Models.Families;
using PixSearch.Tensors;
using AnswerRequest = PixSearch.Abstractions.AnswerRequest;
using Finished = PixSearch.Abstractions.Finished;
using TextDelta = PixSearch.Abstractions.TextDelta;

namespace PixSearch.Silo.Bench;

/// <summary>
/// What a cluster costs and gains on this machine: the same rehearsed questions to the engine alone, then through a
/// gateway and one, two and three silos, each a process of its own on loopback; at last a silo is killed under load.
/// </summary>
internal sealed class ClusterBench(SiloSettings settings, BenchLoad load, TextWriter output)
{
    private const int SilosMax = 3;

    private readonly SiloSettings _settings = settings with { Rehearsal = true, Indexes = "" };

    /// <summary>Runs everything and prints a line for each measurement.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        await using (NpgsqlDataSource database = NpgsqlDataSource.Create(_settings.Postgres))
        {
            await new SessionStore(database).InitializeAsync(cancellation);
        }

        Measurement alone = await EmbeddedAsync(cancellation);
        await PrintAsync("engine alone", alone, alone);
        for (int silos = 1; silos <= SilosMax; silos++)
        {
            await using BenchProcesses cluster = await BenchProcesses.StartAsync(_settings, silos, cancellation);
            using var channel = new GrpcChannel(cluster.Grpc);
            await AskAsync(channel, "warm up", cancellation);
            await PrintAsync($"{silos} silo{(silos > 1 ? "s" : "")}",
                await load.RunAsync(question => AskAsync(channel, question, cancellation)), alone);
            if (silos == SilosMax)
            {
                double pause = await LoseAsync(cluster, channel, cancellation);
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"one of {silos} silos killed: longest pause of a stream {pause:0.0} s, all answers complete"));
            }
        }
    }

    private async Task<Measurement> EmbeddedAsync(CancellationToken cancellation)
    {
        using IBackend backend = CpuBackend.Create();
        string folder = Path.Combine(_settings.Models, _settings.DefaultModel);
        using ISegmentingModel model = ModelFolder.Load(backend, folder);
        var options = new EngineOptions();
        int pages = Math.Max(options.PageCount, 16 * model.ContextLength / options.PageSize);
        await using var loop = new EngineLoop(new ScriptedModel(model, question => question), new NoSearches(),
            options with { PageCount = pages }, TimeProvider.System, new NoSessionLog());
        await AskAsync("warm up");
        return await load.RunAsync(AskAsync);

        async Task<Sample> AskAsync(string question)
        {
            var sample = new Sample();
            var request = new AnswerRequest { Question = question };
            EventStream events = await loop.SubmitAsync(new EngineRequest(Guid.NewGuid().ToString("N"), request,
                new SessionOptions { Mode = Abstractions.SearchMode.None }, null, 0));
            await foreach (SessionEvent next in events.ReadAsync(0, cancellation))
            {
                sample.Add(next is TextDelta, next is Finished);
            }

            return sample;
        }
    }

    private async Task<double> LoseAsync(BenchProcesses cluster, GrpcChannel channel, CancellationToken cancellation)
    {
        int begun = 0;
        Task<Measurement> running = load.RunAsync(question =>
        {
            if (Interlocked.Increment(ref begun) == load.Clients + 1)
            {
                cluster.KillOne();
            }

            return AskAsync(channel, question, cancellation);
        });
        return (await running).LongestPause;
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

    private Task PrintAsync(string name, Measurement measured, Measurement alone)
    {
        double share = measured.QuestionsPerSecond / alone.QuestionsPerSecond;
        return output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{name,-14} {measured.QuestionsPerSecond,7:0.00} questions/s  {measured.EventsPerSecond,8:0} texts/s  "
            + $"first text {measured.FirstText * 1000,6:0} ms  ({share:0.00} of the engine alone, "
            + $"{load.Clients} at a time)"));
    }

    private sealed class NoSearches : IRetriever
    {
        public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
            throw new PixException(PixErrorKind.NotFound, "The benchmark's answers hold no search.");
    }
}

/// <summary>One answer as its reader saw it; seconds from the question.</summary>
internal sealed class Sample
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private double _last;

    public int Texts { get; private set; }

    public double FirstText { get; private set; }

    public double LongestPause { get; private set; }

    public bool Complete { get; private set; }

    public void Add(bool text, bool finished)
    {
        double now = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        LongestPause = Math.Max(LongestPause, now - _last);
        _last = now;
        FirstText = text && Texts == 0 ? now : FirstText;
        Texts += text ? 1 : 0;
        Complete |= finished;
    }
}

/// <summary>What a load came to.</summary>
internal readonly record struct Measurement(double QuestionsPerSecond, double EventsPerSecond, double FirstText,
    double LongestPause);

/// <summary>Clients that ask one question after the other, each question another text of the same length.</summary>
/// <param name="Clients">How many ask at a time.</param>
/// <param name="Questions">Questions in all.</param>
internal sealed record BenchLoad(int Clients, int Questions)
{
    private const string Words = "the flag on the left of the red drum and the apple in the middle of the picture ";

    /// <summary>Runs the load; throws when an answer does not come to its end.</summary>
    public async Task<Measurement> RunAsync(Func<string, Task<Sample>> ask)
    {
        int next = 0;
        var samples = new List<Sample>();
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            for (int i = Interlocked.Increment(ref next); i <= Questions; i = Interlocked.Increment(ref next))
            {
                Sample sample = await ask($"{i:0000}: {string.Concat(Enumerable.Repeat(Words, 3))}");
                lock (samples)
                {
                    samples.Add(sample);
                }
            }
        })));
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        int incomplete = samples.Count(sample => !sample.Complete);
        return incomplete == 0
            ? new Measurement(samples.Count / seconds, samples.Sum(sample => sample.Texts) / seconds,
                samples.Average(sample => sample.FirstText), samples.Max(sample => sample.LongestPause))
            : throw new PixException(PixErrorKind.Internal, $"{incomplete} of {samples.Count} answers have no end.");
    }
}
