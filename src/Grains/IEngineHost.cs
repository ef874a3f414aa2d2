using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Inference.Engine;

namespace PixSearch.Grains;

/// <summary>
/// The silo's engine as its grains use it: implemented over the same node that the embedded profile runs, replaced
/// in tests.
/// All methods may be called from any thread; none computes on the caller's.
/// </summary>
public interface IEngineHost
{
    /// <summary>A place for a session that is about to be claimed for this engine; throws Overloaded or Unavailable
    /// when there is none, so that nobody claims in vain. See <see cref="EngineLoop.Enter"/>.</summary>
    EnginePlace Enter(bool resumed);

    /// <summary>Starts or resumes a session under an epoch; an older epoch of the same session is dropped
    /// first.</summary>
    Task RunAsync(StoredSession session, EnginePlace place, CancellationToken cancellation);

    /// <summary>The events of a session that runs here or ended here lately; null for any other, and for one that was
    /// let go.</summary>
    EventStream? Find(string sessionId);

    /// <summary>Ends a session; its resources are back when the task completes.</summary>
    Task<bool> CancelAsync(string sessionId);

    /// <summary>What the engine holds and how busy it is.</summary>
    Task<EngineReport> ReportAsync();

    /// <summary>Whether this silo is leaving.</summary>
    bool IsDraining { get; }

    /// <summary>Takes no new session and lets all go, for others to take up; completes when the engine holds
    /// none.</summary>
    Task DrainAsync();
}

/// <summary>A session as the store has it: all that is needed to go on anywhere.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Epoch">The epoch under which its owner may write.</param>
/// <param name="Request">What was asked, with the picture.</param>
/// <param name="Entries">The inputs so far, in their JSON form, in order.</param>
/// <param name="Position">Where its owner writes next; not the number of entries, since fences have positions
/// too.</param>
/// <param name="Over">Whether it ended.</param>
public sealed record StoredSession(string Id, long Epoch, AnswerRequest Request, IReadOnlyList<string> Entries,
    int Position, bool Over);
