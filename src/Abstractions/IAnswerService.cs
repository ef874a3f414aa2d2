namespace PixSearch.Abstractions;

/// <summary>
/// The port that both front doors call: one embedded node, or a cluster behind grains. Errors before a session
/// exists are
/// thrown as <see cref="PixException"/>; afterwards the stream ends with <see cref="Failed"/>.
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

    /// <summary>Ends a session; its resources are back when the task completes. False: no such session, or over
    /// already.</summary>
    ValueTask<bool> CancelAsync(string sessionId, CancellationToken cancellation);
}
