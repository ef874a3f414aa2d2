using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using PixSearch.Abstractions;

namespace PixSearch.Cli.Bench;

/// <summary>
/// A node with the pace of an engine: at each step every session gets its next event, all at the same moment, as a
/// batch gives them. The text of an event tells when its session began and when it was handed out
/// (<see cref="Stopwatch"/> ticks), so a client of this process knows what the door added.
/// </summary>
internal sealed class PacedNode : IAnswerService, INodeCatalog, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, PacedSession> _sessions = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _steps;
    private readonly int _texts;

    /// <summary>A node that steps until it is disposed.</summary>
    /// <param name="texts">Text events of an answer.</param>
    /// <param name="step">Time between two steps.</param>
    public PacedNode(int texts, TimeSpan step)
    {
        _texts = texts;
        _steps = StepAsync(step);
    }

    /// <inheritdoc/>
    public IReadOnlyList<ServedModel> Models { get; } = [new("paced", 1024, 0, 0, 0)];

    /// <inheritdoc/>
    public IReadOnlyList<string> Indexes { get; } = [];

    /// <inheritdoc/>
    public ValueTask<string> StartAsync(AnswerRequest request, CancellationToken cancellation)
    {
        string id = Guid.NewGuid().ToString("n");
        _sessions[id] = new PacedSession(request.Tenant);
        return ValueTask.FromResult(id);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SessionEvent> ReadAsync(string sessionId, long fromSequence,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (SessionEvent next in _sessions[sessionId].Events.Reader.ReadAllAsync(cancellation))
        {
            yield return next;
        }

        _sessions.TryRemove(sessionId, out _);
    }

    /// <inheritdoc/>
    public ValueTask<SessionInfo?> FindAsync(string sessionId, CancellationToken cancellation) =>
        ValueTask.FromResult(_sessions.TryGetValue(sessionId, out PacedSession? session)
            ? new SessionInfo(session.Tenant, Models[0].Name, Over: false)
            : null);

    /// <inheritdoc/>
    public ValueTask<bool> CancelAsync(string sessionId, CancellationToken cancellation) =>
        ValueTask.FromResult(_sessions.TryRemove(sessionId, out _));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _steps;
        _stop.Dispose();
    }

    private async Task StepAsync(TimeSpan step)
    {
        using var timer = new PeriodicTimer(step);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                foreach (PacedSession session in _sessions.Values)
                {
                    session.Step(_texts);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private sealed class PacedSession(string tenant)
    {
        private readonly long _start = Stopwatch.GetTimestamp();
        private int _next;

        internal string Tenant => tenant;

        internal Channel<SessionEvent> Events { get; } = Channel.CreateUnbounded<SessionEvent>();

        internal void Step(int texts)
        {
            if (_next < texts)
            {
                string times = string.Create(CultureInfo.InvariantCulture, $"{_start} {Stopwatch.GetTimestamp()}");
                Events.Writer.TryWrite(new TextDelta(times) { Sequence = _next++ });
                return;
            }

            Events.Writer.TryWrite(new Usage(20, 0, texts, 0, 0, 0) { Sequence = texts });
            Events.Writer.TryWrite(new Finished(FinishReason.Stop) { Sequence = texts + 1 });
            Events.Writer.TryComplete();
        }
    }
}
