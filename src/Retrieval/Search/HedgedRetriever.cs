using PixSearch.Abstractions;

namespace PixSearch.Retrieval;

/// <summary>
/// Sends a query to a second replica when the first is slow or fails, and takes the first complete answer ("The Tail at
/// Scale", Dean and Barroso, 2013). For retrievers behind a network; inside one process a second search would only
/// compete with the first.
/// </summary>
/// <param name="replicas">Equal retrievers, in the order of preference; at least one.</param>
/// <param name="hedgeDelay">Wait before the next replica is asked; a good value is the 95th percentile of the
/// latency.</param>
/// <param name="time">Clock; null for the system's.</param>
public sealed class HedgedRetriever(IReadOnlyList<IRetriever> replicas, TimeSpan hedgeDelay, TimeProvider? time = null)
    : IRetriever
{
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <inheritdoc/>
    /// <remarks>
    /// Every replica is asked at most once. When none is complete, the partial answer with the most hits is given; when
    /// all failed, the first one's error is thrown. Errors of the query itself (bad argument, unknown index) are thrown
    /// at once.
    /// </remarks>
    public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
    {
        using var losers = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var running = new List<Task<RetrievalResult>>();
        RetrievalResult? partial = null;
        Exception? firstError = null;
        int asked = 0;
        try
        {
            while (true)
            {
                if (asked < replicas.Count)
                {
                    running.Add(replicas[asked++].SearchAsync(query, losers.Token).AsTask());
                }

                Task<RetrievalResult>? done = await FirstAsync(running, asked < replicas.Count, cancellation)
                    .ConfigureAwait(false);
                if (done is not null)
                {
                    running.Remove(done);
                    (RetrievalResult? complete, partial, Exception? error) =
                        await JudgeAsync(done, partial, cancellation)
                        .ConfigureAwait(false);
                    firstError ??= error;
                    if (complete is not null)
                    {
                        return complete;
                    }
                }

                if (running.Count == 0 && asked == replicas.Count)
                {
                    return partial ?? throw firstError!;
                }
            }
        }
        finally
        {
            await losers.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The first task to end; null when the hedge delay passed first.</summary>
    private async Task<Task<RetrievalResult>?> FirstAsync(List<Task<RetrievalResult>> running, bool mayHedge,
        CancellationToken cancellation)
    {
        Task<Task<RetrievalResult>> any = Task.WhenAny(running);
        if (!mayHedge)
        {
            return await any.WaitAsync(cancellation).ConfigureAwait(false);
        }

        try
        {
            return await any.WaitAsync(hedgeDelay, _time, cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    private static async Task<(RetrievalResult? Complete, RetrievalResult? Partial, Exception? Error)> JudgeAsync(
        Task<RetrievalResult> done, RetrievalResult? partial, CancellationToken cancellation)
    {
        try
        {
            RetrievalResult result = await done.ConfigureAwait(false);
            if (!result.Partial)
            {
                return (result, partial, null);
            }

            return (null, partial is null || result.Hits.Count > partial.Hits.Count ? result : partial, null);
        }
        catch (PixException error) when (error.Kind is PixErrorKind.InvalidArgument or PixErrorKind.NotFound)
        {
            throw;
        }
        catch (Exception error) when (!cancellation.IsCancellationRequested)
        {
            return (null, partial, error);
        }
    }
}
