using PixSearch.Abstractions;

namespace PixSearch.Inference.Sessions;

/// <summary>The events of a session: sequence numbers from 0 without holes, closed by one <c>Finished</c> or
/// <c>Failed</c>.</summary>
internal sealed class EventLog
{
    private readonly List<SessionEvent> _events = [];
    private bool _closed;

    /// <summary>All events, in order.</summary>
    public IReadOnlyList<SessionEvent> Events => _events;

    /// <summary>The sequence number of the next event.</summary>
    public long Next => _events.Count;

    /// <summary>Adds an event, which has the number <see cref="Next"/>.</summary>
    public void Add(SessionEvent added)
    {
        if (added.Sequence != Next)
        {
            throw new ArgumentException($"The event has the number {added.Sequence}; the next one is {Next}.");
        }

        if (_closed)
        {
            throw new InvalidOperationException("The session has ended: nothing may follow its last event.");
        }

        _events.Add(added);
        _closed = added is Finished or Failed;
    }
}
