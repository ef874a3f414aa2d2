using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using PixSearch.Abstractions;
using PixSearch.Gateway.V1;
using PixSearch.Grpc;

namespace PixSearch.Cli.Bench.Abuse;

/// <summary>
/// Three times what the server can do, open loop (T9 of the serving reference): answers that begin in time must stay
/// about as many as at the peak, and the others must be refused at once with a time to wait.
/// </summary>
internal sealed class OverloadAttack(AbuseTarget target, ulong seed, double firstTextSecondsMax)
{
    private const int PeakClients = 16;

    private readonly IReadOnlyList<ByteString> _pictures =
        [.. new ServeLoad { Questions = 0, Seed = seed }.MakePictures().Select(
            static picture => ByteString.CopyFrom(picture))];

    /// <summary>
    /// Measures the peak, sends <paramref name="factor"/> times that, and measures the peak again: a machine that is
    /// shared changes its pace by a tenth within a minute, so what is compared with is the mean of before and after.
    /// </summary>
    public async Task<AbuseResult> RunAsync(double seconds, double factor, CancellationToken cancellation)
    {
        await ClosedAsync(Math.Min(2, seconds), cancellation);
        double before = await ClosedAsync(seconds, cancellation);
        var outcomes = new List<Task<Outcome>>();
        SeededRandom random = SeededRandom.ForStream(seed, 1);
        double rate = Math.Max(0.1, before * factor);
        double due = 0;
        long start = Stopwatch.GetTimestamp();
        while ((due += -Math.Log(1 - random.NextDouble()) / rate) < seconds)
        {
            TimeSpan wait = TimeSpan.FromSeconds(due) - Stopwatch.GetElapsedTime(start);
            await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, cancellation);
            outcomes.Add(AskAsync(outcomes.Count, cancellation));
        }

        Outcome[] all = await Task.WhenAll(outcomes);
        double elapsed = Math.Max(seconds, Stopwatch.GetElapsedTime(start).TotalSeconds);
        double good = all.Count(one => one.Good) / elapsed;
        Outcome[] refused = [.. all.Where(one => one.Refused)];
        Percentiles refusal = Percentiles.Of(refused.Select(one => one.Seconds * 1000));
        int untold = refused.Count(one => !one.ToldWhen);
        double? idle = await target.SecondsUntilIdleAsync(cancellation);
        double after = await ClosedAsync(seconds, cancellation);
        double peak = (before + after) / 2;
        bool held = good >= 0.9 * peak && untold == 0 && all.All(one => one.Good || one.Refused || one.Late)
            && idle is not null;
        return new AbuseResult($"overload, {factor:0.#} times", string.Create(CultureInfo.InvariantCulture,
            $"{all.Length} questions at {rate:0.0}/s"), held, string.Create(CultureInfo.InvariantCulture,
            $"good {good:0.00}/s of {peak:0.00}/s at the peak ({100 * good / Math.Max(peak, 1e-9):0} %; "
            + $"{before:0.0} before, {after:0.0} after); "
            + $"{all.Count(one => one.Late)} too late, {refused.Length} refused (p99 after {refusal.P99:0} ms, "
            + $"{untold} without a time to wait)"));
    }

    private async Task<double> ClosedAsync(double seconds, CancellationToken cancellation)
    {
        int good = 0;
        int number = 0;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, PeakClients).Select(async _ =>
        {
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
            {
                Outcome outcome = await AskAsync(Interlocked.Increment(ref number), cancellation);
                Interlocked.Add(ref good, outcome.Good ? 1 : 0);
            }
        }));
        return good / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private async Task<Outcome> AskAsync(int number, CancellationToken cancellation)
    {
        var request = new Gateway.V1.AnswerRequest
        {
            Question = $"What is thing {number} on the left of the drum?",
            Picture = _pictures[number % _pictures.Count],
            SearchMode = Gateway.V1.SearchMode.None,
            Sampling = new Sampling { MaxTokens = 32 },
        };
        long start = Stopwatch.GetTimestamp();
        double? first = null;
        try
        {
            await foreach (AnswerEvent next in target.Client.Channel.ServerStreamAsync<Gateway.V1.AnswerRequest,
                AnswerEvent>("/pixsearch.v1.PixSearch/Answer", request, target.Client.Call, cancellation))
            {
                bool shown = next.EventCase is AnswerEvent.EventOneofCase.Text or AnswerEvent.EventOneofCase.Finished;
                first ??= shown ? Stopwatch.GetElapsedTime(start).TotalSeconds : null;
            }

            bool good = first <= firstTextSecondsMax;
            return new Outcome(good, Late: !good, Refused: false, ToldWhen: false, first ?? 0);
        }
        catch (GrpcException error) when (error.Code is GrpcStatusCode.Unavailable or GrpcStatusCode.ResourceExhausted)
        {
            bool told = error.Details.Any(static detail => detail.TypeUrl.EndsWith("google.rpc.RetryInfo",
                StringComparison.Ordinal));
            return new Outcome(false, false, Refused: true, told, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }

    private readonly record struct Outcome(bool Good, bool Late, bool Refused, bool ToldWhen, double Seconds);
}
