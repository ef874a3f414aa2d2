using PixSearch.Abstractions;

namespace PixSearch.Cli.Bench;

/// <summary>A retriever that takes a given time and always finds the same: retrieval latency as a setting.</summary>
internal sealed class DelayedRetriever(TimeSpan latency, TimeProvider time) : IRetriever
{
    private static readonly string s_snippet =
        "capital Suva; region Oceania; currency Fijian dollar; borders none; "
        + "languages English, Fijian and Hindi; tld fj";

    /// <inheritdoc/>
    public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
    {
        await Task.Delay(latency, time, cancellation);
        IEnumerable<EvidenceHit> hits = Enumerable.Range(0, Math.Min(query.TopK, 3)).Select(
            i => new EvidenceHit($"d{i}", $"Document {i}", s_snippet, 1f / (i + 1), query.Modality));
        return new RetrievalResult([.. hits], Partial: false);
    }
}
