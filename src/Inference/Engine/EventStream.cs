using System.Runtime.CompilerServices;
using PixSearch.Abstractions;

namespace PixSearch.Inference.Engine;

/// <summary>
/// A session's events on their way to readers: written by the engine thread, read by any number of readers from any
/// sequence
/// number. Knows how far the furthest reader is, so that the engine can stop a session that nobody keeps up with.
/// </summary>
public sealed class EventStream(int bufferMax, Action onRoom)
{
    private readonly Lock _lock = new();
    private readonly List<SessionEvent> _events = [];
    private TaskCompletionSource? _waiting;
    private int _read;
    private bool _closed;

    /// <summary>True when readers are a whole buffer behind.</summary>
    public bool IsFull
    {
        get
        {
            lock (_lock)
            {
                return _events.Count - _read >= bufferMax;
            }
        }
    }

    /// <summary>Whether the last event was written.</summary>
    public bool IsClosed
    {
        get
        {
            lock (_lock)
            {
                return _closed;
            }
        }
    }

    /// <summary>All events so far, copied.</summary>
    public IReadOnlyList<SessionEvent> Snapshot()
    {
        lock (_lock)
        {
            return [.. _events];
        }
    }

    /// <summary>Adds an event. The last is <see cref="Finished"/> or <see cref="Failed"/>.</summary>
    public void Publish(SessionEvent added)
    {
        TaskCompletionSource? waiting;
        lock (_lock)
        {
            _events.Add(added);
            _closed |= added is Finished or Failed;
            (waiting, _waiting) = (_waiting, null);
        }

        waiting?.SetResult();
    }

    /// <summary>
    /// Ends reading without a last event: the session goes on elsewhere. Readers come to the end of what they were
    /// given and ask whoever moved it.
    /// </summary>
    public void Abandon()
    {
        TaskCompletionSource? waiting;
        lock (_lock)
        {
            _closed = true;
            (waiting, _waiting) = (_waiting, null);
        }

        waiting?.SetResult();
    }

    /// <summary>Events from a sequence number on, past ones first, until the last one.</summary>
    public async IAsyncEnumerable<SessionEvent> ReadAsync(long from,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        for (long at = Math.Max(0, from); ;)
        {
            SessionEvent? found = null;
            Task? wait = null;
            lock (_lock)
            {
                if (at < _events.Count)
                {
                    found = _events[(int)at];
                }
                else if (_closed)
                {
                    yield break;
                }
                else
                {
                    // Continuations run elsewhere: the engine thread never runs a reader's code.
                    _waiting ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    wait = _waiting.Task;
                }
            }

            if (found is null)
            {
                await wait!.WaitAsync(cancellation).ConfigureAwait(false);
                continue;
            }

            yield return found;
            at++;
            MarkRead((int)at);
        }
    }

    private void MarkRead(int upTo)
    {
        bool room = false;
        lock (_lock)
        {
            if (upTo > _read)
            {
                // Wake the engine once, when half of the buffer is free again.
                int before = _events.Count - _read;
                _read = upTo;
                room = before > bufferMax / 2 && _events.Count - _read <= bufferMax / 2;
            }
        }

        if (room)
        {
            onRoom();
        }
    }
}
