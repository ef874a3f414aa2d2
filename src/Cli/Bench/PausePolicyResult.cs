using PixSearch.Inference.Engine;

namespace PixSearch.Cli.Bench;

/// <summary>A pause policy under one number of clients.</summary>
internal sealed record PausePolicyPoint(PausePolicy Policy, int Clients, ServeResult Result);

/// <summary>
/// What a pause policy is worth: the most questions a second that it answers while 99 of 100 are over within a limit.
/// Between two measured numbers of clients it is interpolated.
/// </summary>
internal sealed record PausePolicyResult(PausePolicy Policy, double LimitMs, double QuestionsPerSecond)
{
    /// <summary>
    /// All policies at the same limit: the 99th percentile of "drop and recompute" at the middle one of its numbers of
    /// clients.
    /// </summary>
    public static IReadOnlyList<PausePolicyResult> Of(IReadOnlyList<PausePolicyPoint> points)
    {
        PausePolicyPoint[] drop = [.. points.Where(point => point.Policy == PausePolicy.Drop)
            .OrderBy(point => point.Clients)];
        double limit = drop[drop.Length / 2].Result.EndToEnd.P99;
        return [.. points.GroupBy(point => point.Policy).Select(group => new PausePolicyResult(group.Key, limit,
            RateAt([.. group.OrderBy(point => point.Clients).Select(point => point.Result)], limit)))];
    }

    private static double RateAt(ServeResult[] results, double limit)
    {
        double best = 0;
        for (int i = 0; i < results.Length; i++)
        {
            (double rate, double latency) = (results[i].QuestionsPerSecond, results[i].EndToEnd.P99);
            if (latency <= limit)
            {
                best = Math.Max(best, rate);
            }
            else if (i > 0 && results[i - 1].EndToEnd.P99 is var before && before < limit)
            {
                double from = results[i - 1].QuestionsPerSecond;
                best = Math.Max(best, from + ((rate - from) * (limit - before) / (latency - before)));
            }
        }

        return best;
    }
}
