using PixSearch.Abstractions;

namespace PixSearch.Cli.Bench;

/// <summary>
/// A retriever that takes a given time and always finds the same: retrieval latency as a setting. Between two bounds
/// times are log-uniform (as many searches of 50 to 100 ms as of 500 ms to 1 s), the same ones in every run.
/// </summary>
internal sealed class DelayedRetriever(TimeSpan shortest, TimeSpan longest, TimeProvider time) : IRetriever
{
    private static readonly string s_snippet =
        "capital Suva; region Oceania; currency Fijian dollar; borders none; "
        + "languages English, Fijian and Hindi; tld fj";

    private long _count;

    /// <inheritdoc/>
    public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
    {
        double at = SeededRandom.ForStream(1, (ulong)Interlocked.Increment(ref _count)).NextDouble();
        await Task.Delay(shortest * Math.Pow(longest / shortest, at), time, cancellation);
        IEnumerable<EvidenceHit> hits = Enumerable.Range(0, Math.Min(query.TopK, 3)).Select(
            i => new EvidenceHit($"d{i}", $"Document {i}", s_snippet, 1f / (i + 1), query.Modality));
        return new RetrievalResult([.. hits], Partial: false);
    }
}
