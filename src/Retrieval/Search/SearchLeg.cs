using PixSearch.Abstractions;

namespace PixSearch.Retrieval;

/// <summary>How a leg ended.</summary>
/// <param name="Hits">Best first; empty when the leg was lost.</param>
/// <param name="Lost">Why the leg gave nothing: "late", or the error; null when it answered.</param>
internal readonly record struct LegOutcome(IReadOnlyList<EvidenceHit> Hits, string? Lost);

/// <summary>One leg of a query: its name, its deadline and its work.</summary>
/// <param name="Name">For logs and metrics, for example <c>text:flags</c>.</param>
/// <param name="Deadline">Longest wait.</param>
/// <param name="Work">Searches; told by its token when nobody waits any longer.</param>
internal sealed record SearchLeg(string Name, TimeSpan Deadline, Func<CancellationToken,
    Task<IReadOnlyList<EvidenceHit>>> Work)
{
    /// <summary>
    /// Runs on the thread pool. Never throws but for the caller's own cancellation; work that does not heed its token
    /// is left behind, it is not waited for.
    /// </summary>
    public async Task<LegOutcome> RunAsync(TimeProvider time, CancellationToken cancellation)
    {
        using var late = new CancellationTokenSource(Deadline, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        CancellationToken token = both.Token;
        try
        {
            return new LegOutcome(await Task.Run(() => Work(token), token).WaitAsync(token).ConfigureAwait(false),
                null);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            return new LegOutcome([], "late");
        }
        catch (Exception error)
        {
            // Whatever went wrong inside one leg must not cost the session its other legs; the reason is reported by
            // the caller.
            return new LegOutcome([], error.Message);
        }
    }
}
