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

    /// <summary>Adds the event that is made for the next sequence number.</summary>
    public void Add(Func<long, SessionEvent> make)
    {
        if (_closed)
        {
            throw new InvalidOperationException("The session has ended: nothing may follow its last event.");
        }

        SessionEvent added = make(_events.Count);
        _events.Add(added);
        _closed = added is Finished or Failed;
    }
}
