using PixSearch.Abstractions;

namespace PixSearch.Retrieval.Search;

/// <summary>
/// Asks every shard of an index at once and merges what comes back in time. A shard that fails or is late is missing
/// from the result, which is then flagged partial; when none answers in time the result is empty and partial.
/// </summary>
/// <param name="shards">The shards; each holds other documents, scored alike (cosine, or BM25 over its own
/// documents).</param>
/// <param name="deadline">How long a shard may take; a session waits for the slowest.</param>
/// <param name="time">Clock of the deadline.</param>
/// <param name="onShardLost">Told the shard's number and the reason; may be null.</param>
public sealed class ShardFanOut(IReadOnlyList<IRetriever> shards, TimeSpan deadline, TimeProvider time,
    Action<int, string>? onShardLost = null) : IRetriever
{
    /// <inheritdoc/>
    public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
    {
        using var late = new CancellationTokenSource(deadline, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        RetrievalResult?[] answers = await Task.WhenAll(
            Enumerable.Range(0, shards.Count).Select(shard => AskAsync(shard, query, linked.Token, cancellation)));
        bool partial = Array.Exists(answers, answer => answer is null or { Partial: true });
        EvidenceHit[] best =
        [
            // Ties keep the order of shards, so that the same question has the same answer.
            .. answers.SelectMany(answer => answer?.Hits ?? []).OrderByDescending(hit => hit.Score).Take(query.TopK),
        ];
        return new RetrievalResult(best, partial);
    }

    private async Task<RetrievalResult?> AskAsync(int shard, RetrievalQuery query, CancellationToken late,
        CancellationToken cancellation)
    {
        try
        {
            // A shard that does not listen to its token is left behind, not waited for.
            return await shards[shard].SearchAsync(query, late).AsTask().WaitAsync(late);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            onShardLost?.Invoke(shard, $"no answer within {deadline.TotalMilliseconds:0} ms");
            return null;
        }
        catch (Exception error) when (error is not OperationCanceledException
            and not PixException { Kind: PixErrorKind.NotFound or PixErrorKind.InvalidArgument })
        {
            onShardLost?.Invoke(shard, error.Message);
            return null;
        }
    }
}
