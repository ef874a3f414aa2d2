namespace PixSearch.Abstractions;

/// <summary>
/// The port that both front doors call: one embedded node, or a cluster behind grains. Errors before a session
/// exists are thrown as <see cref="PixException"/>; afterwards the stream ends with <see cref="Failed"/>.
/// </summary>
public interface IAnswerService
{
    /// <summary>Starts a session and returns its id; events are read with <see cref="ReadAsync"/>.</summary>
    ValueTask<string> StartAsync(AnswerRequest request, CancellationToken cancellation);

    /// <summary>
    /// The events of a session from a sequence number on, past ones first. Ending the enumeration does not end the
    /// session.
    /// </summary>
    IAsyncEnumerable<SessionEvent> ReadAsync(string sessionId, long fromSequence, CancellationToken cancellation);

    /// <summary>Who owns a session and whether it is over; null when there is none. Also for sessions of before a
    /// restart.</summary>
    ValueTask<SessionInfo?> FindAsync(string sessionId, CancellationToken cancellation);

    /// <summary>Ends a session; its resources are back when the task completes. False: no such session, or over
    /// already.</summary>
    ValueTask<bool> CancelAsync(string sessionId, CancellationToken cancellation);
}

/// <summary>What the gateway needs to know of a session to let a caller near it.</summary>
/// <param name="Tenant">The <see cref="AnswerRequest.Tenant"/> that started it.</param>
/// <param name="Model">The model that answers.</param>
/// <param name="Over">True once its last event is written.</param>
public sealed record SessionInfo(string Tenant, string Model, bool Over);
