using System.Collections.Concurrent;
using System.Diagnostics;
using PixSearch.Abstractions;

namespace PixSearch.Inference.Engine;

/// <summary>A search that leaves the engine; its answer comes back through
/// <see cref="EngineCore.CompleteSearch"/>.</summary>
public sealed record SearchCall(string SessionId, int Turn, RetrievalQuery Query, TimeSpan Timeout,
    ActivityContext Trace = default);

/// <summary>How searches leave the engine. Neither method waits, nor calls back before it returns.</summary>
public interface ISearchPort
{
    /// <summary>Starts a search.</summary>
    void Begin(SearchCall call);

    /// <summary>The session's search is no longer wanted.</summary>
    void Abandon(string sessionId);
}

/// <summary>Runs searches on an <see cref="IRetriever"/>, off the engine thread, and posts what they find.</summary>
internal sealed class SearchDispatcher(IRetriever retriever, Action<Action<EngineCore>> post) : ISearchPort
{
    private readonly ConcurrentDictionary<string, CancellationTokenSource> _underWay = new();

    /// <inheritdoc/>
    public void Begin(SearchCall call)
    {
        var cancellation = new CancellationTokenSource();
        _underWay[call.SessionId] = cancellation;
        _ = Task.Run(() => RunAsync(call, cancellation), CancellationToken.None);
    }

    /// <inheritdoc/>
    public void Abandon(string sessionId)
    {
        if (_underWay.TryRemove(sessionId, out CancellationTokenSource? cancellation))
        {
            cancellation.Cancel();
        }
    }

    private async Task RunAsync(SearchCall call, CancellationTokenSource cancellation)
    {
        // The span ends before the engine hears of the result: it never outlives its parent.
        (RetrievalResult? result, Exception? error) = await SearchAsync(call, cancellation.Token).ConfigureAwait(false);
        _underWay.TryRemove(new KeyValuePair<string, CancellationTokenSource>(call.SessionId, cancellation));
        post(core => core.CompleteSearch(call.SessionId, call.Turn, result, error));
        cancellation.Dispose();
    }

    private async Task<(RetrievalResult? Result, Exception? Error)> SearchAsync(SearchCall call,
        CancellationToken cancellation)
    {
        using Activity? span = EngineTrace.StartSearch(call);
        try
        {
            RetrievalResult result = await retriever.SearchAsync(call.Query, cancellation).ConfigureAwait(false);
            span?.SetTag("pixsearch.search.hits", result.Hits.Count);
            return (result, null);
        }
        catch (Exception caught)
        {
            // Whatever it is, the session goes on: with partial evidence, or with the error if the index itself is
            // wrong.
            span?.SetStatus(ActivityStatusCode.Error).SetTag("error.type", caught.GetType().Name);
            return (null, caught);
        }
    }
}
