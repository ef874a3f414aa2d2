using Orleans.Concurrency;

namespace PixSearch.Grains.Contracts;

/// <summary>
/// The engine of one silo, as others see it. Grain key: the silo's address, so that there is exactly one a silo and
/// everybody can name it; placement follows the key. Never computes in its turn: the engine has its own thread.
/// </summary>
[Alias("pixsearch.IModelGrain")]
public interface IModelGrain : IGrainWithStringKey
{
    /// <summary>
    /// Claims a session in the store (which raises its epoch and so fences every other engine) and starts it, or
    /// resumes it from
    /// its log. Throws <see cref="GrainErrorException"/>: overloaded when the engine is full, and then the session
    /// is still whole in the store.
    /// </summary>
    [Alias("Run")]
    Task RunAsync(string sessionId);

    /// <summary>Events of a session that runs here, from a sequence number on.</summary>
    [Alias("Read")]
    IAsyncEnumerable<EventMessage> ReadAsync(string sessionId, long fromSequence,
        CancellationToken cancellation = default);

    /// <summary>Ends a session that runs here; its pages are back when the task completes.</summary>
    [Alias("Cancel")]
    [AlwaysInterleave]
    Task<bool> CancelAsync(string sessionId);

    /// <summary>What this engine holds and how busy it is.</summary>
    [Alias("Report")]
    [AlwaysInterleave]
    Task<EngineReport> ReportAsync();
}
