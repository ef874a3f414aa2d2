using Orleans.Concurrency;

namespace PixSearch.Grains.Contracts;

/// <summary>
/// The engine of one silo, as others see it. Grain key: the silo's address, so that there is exactly one a silo and
/// everybody can name it; placement follows the key. Never computes in its turn: the engine has its own thread.
/// </summary>
/// <remarks>
/// Events leave through feeds: a gateway has one feed an engine for all sessions that it reads there, so that a step of
/// the engine costs one message and not one for each session. A feed is named by its reader and belongs to nobody else;
/// it is gone when nobody has asked for <see cref="NextAsync"/> for a while.
/// </remarks>
[Alias("pixsearch.IModelGrain")]
public interface IModelGrain : IGrainWithStringKey
{
    /// <summary>
    /// Claims a session in the store (which raises its epoch and so fences every other engine) and starts it, or
    /// resumes it from its log. False, and nothing done: another engine than <paramref name="from"/> (empty for none)
    /// had claimed it. Throws <see cref="GrainErrorException"/>: overloaded when the engine is full, and then the
    /// session is still whole in the store.
    /// </summary>
    [Alias("Take")]
    Task<bool> TakeAsync(string sessionId, string from);

    /// <summary>Whether the engine has this session's events: it runs here, or ended here lately.</summary>
    [Alias("Holds")]
    [AlwaysInterleave]
    Task<bool> HoldsAsync(string sessionId);

    /// <summary>
    /// Adds a session to a feed, its events from a sequence number on, under a number that the reader chose. False: the
    /// session does not run here.
    /// </summary>
    [Alias("Follow")]
    [AlwaysInterleave]
    Task<bool> FollowAsync(string feed, int reader, string sessionId, long fromSequence);

    /// <summary>Takes a reader's session out of a feed; what is under way may still come.</summary>
    [Alias("Leave")]
    [AlwaysInterleave]
    Task LeaveAsync(string feed, int reader);

    /// <summary>
    /// What is new in a feed, as soon as there is something; an empty batch, a sign of life, when there is nothing for
    /// half a second. One call at a time; a reader that lost an answer starts a new feed.
    /// </summary>
    [Alias("Next")]
    [AlwaysInterleave]
    Task<EventBatch> NextAsync(string feed);

    /// <summary>Ends a session that runs here; its pages are back when the task completes.</summary>
    [Alias("Cancel")]
    [AlwaysInterleave]
    Task<bool> CancelAsync(string sessionId);

    /// <summary>What this engine holds and how busy it is.</summary>
    [Alias("Report")]
    [AlwaysInterleave]
    Task<EngineReport> ReportAsync();
}
