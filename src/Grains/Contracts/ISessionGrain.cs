using Orleans.Concurrency;

namespace PixSearch.Grains.Contracts;

/// <summary>
/// One question and its answer: decides which engine computes it, moves it when that engine is lost, and hands its
/// events to
/// readers. Grain key: the session's id. Its state is the session log in the store, guarded by an epoch, so that of two
/// activations only the later one can go on.
/// </summary>
[Alias("pixsearch.ISessionGrain")]
public interface ISessionGrain : IGrainWithStringKey
{
    /// <summary>Begins the session; calling again for a session that exists does nothing (the id is the retry
    /// key).</summary>
    [Alias("Start")]
    Task StartAsync(RequestMessage request);

    /// <summary>
    /// Events from a sequence number on, past ones first, until the last. Survives the loss of the engine; when this
    /// grain itself is lost the enumeration aborts and the caller reads again from where it was.
    /// </summary>
    [Alias("Read")]
    IAsyncEnumerable<EventMessage> ReadAsync(long fromSequence, CancellationToken cancellation = default);

    /// <summary>Ends the session. False: there is none, or it is over.</summary>
    [Alias("Cancel")]
    [AlwaysInterleave]
    Task<bool> CancelAsync();
}
