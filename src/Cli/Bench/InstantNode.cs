using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using PixSearch.Abstractions;

namespace PixSearch.Cli.Bench;

/// <summary>
/// A node that answers everything at once with the same events: what a door adds to the time of an answer is then all
/// that is left to measure.
/// </summary>
/// <param name="texts">Text events of an answer.</param>
internal sealed class InstantNode(int texts) : IAnswerService, INodeCatalog
{
    private readonly ConcurrentDictionary<string, string> _sessions = new();
    private readonly SessionEvent[] _events =
    [
        .. Enumerable.Range(0, texts).Select(i => new TextDelta(" word") { Sequence = i }),
        new Usage(20, 0, texts, 0, 0, 0) { Sequence = texts },
        new Finished(FinishReason.Stop) { Sequence = texts + 1 },
    ];

    /// <inheritdoc/>
    public IReadOnlyList<ServedModel> Models { get; } = [new("instant", 1024, 0, 0, 0)];

    /// <inheritdoc/>
    public IReadOnlyList<string> Indexes { get; } = [];

    /// <inheritdoc/>
    public ValueTask<string> StartAsync(AnswerRequest request, CancellationToken cancellation)
    {
        string id = Guid.NewGuid().ToString("n");
        _sessions[id] = request.Tenant;
        return ValueTask.FromResult(id);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SessionEvent> ReadAsync(string sessionId, long fromSequence,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        await Task.CompletedTask;
        for (long i = fromSequence; i < _events.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            yield return _events[i];
        }

        _sessions.TryRemove(sessionId, out _);
    }

    /// <inheritdoc/>
    public ValueTask<SessionInfo?> FindAsync(string sessionId, CancellationToken cancellation) =>
        ValueTask.FromResult(_sessions.TryGetValue(sessionId, out string? tenant)
            ? new SessionInfo(tenant, Models[0].Name, Over: false)
            : null);

    /// <inheritdoc/>
    public ValueTask<bool> CancelAsync(string sessionId, CancellationToken cancellation) =>
        ValueTask.FromResult(_sessions.TryRemove(sessionId, out _));
}
