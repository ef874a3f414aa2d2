using System.Runtime.CompilerServices;
using PixSearch.Abstractions;

namespace PixSearch.Inference.Engine;

/// <summary>
/// A session's events on their way to readers: written by one thread at a time (the engine's, or the one on which a
/// commit ended), read by any number of readers from any sequence number. Knows how far the furthest reader is, so that
/// the engine can stop a session that nobody keeps up with.
/// </summary>
public sealed class EventStream(int bufferMax, Action onRoom)
{
    private readonly Lock _lock = new();
    private readonly List<SessionEvent> _events = [];
    private TaskCompletionSource? _waiting;
    private Action? _published;
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

    /// <summary>Whether it ended without a last event: the session goes on elsewhere.</summary>
    public bool IsAbandoned
    {
        get
        {
            lock (_lock)
            {
                return _closed && _events is not [.., Finished or Failed];
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
        Action? published;
        lock (_lock)
        {
            _events.Add(added);
            _closed |= added is Finished or Failed;
            (waiting, _waiting) = (_waiting, null);
            published = _published;
        }

        waiting?.SetResult();
        published?.Invoke();
    }

    /// <summary>
    /// Ends reading without a last event: the session goes on elsewhere. Readers come to the end of what they were
    /// given and ask whoever moved it.
    /// </summary>
    public void Abandon()
    {
        TaskCompletionSource? waiting;
        Action? published;
        lock (_lock)
        {
            _closed = true;
            (waiting, _waiting) = (_waiting, null);
            published = _published;
        }

        waiting?.SetResult();
        published?.Invoke();
    }

    /// <summary>
    /// For whoever follows many streams: called at once, then after each event and at the end, on the writer's thread,
    /// so that it may only note that there is something to <see cref="Take"/>.
    /// </summary>
    public void Subscribe(Action published)
    {
        lock (_lock)
        {
            _published += published;
        }

        published();
    }

    /// <summary>Ends <see cref="Subscribe"/>; one call may still be under way.</summary>
    public void Unsubscribe(Action published)
    {
        lock (_lock)
        {
            _published -= published;
        }
    }

    /// <summary>
    /// Takes the events that are there from a sequence number on, at most so many, without waiting. True: the stream is
    /// at its end after them.
    /// </summary>
    public bool Take(long from, int countMax, List<SessionEvent> into)
    {
        bool ended;
        int end;
        lock (_lock)
        {
            int at = (int)Math.Clamp(from, 0, _events.Count);
            end = Math.Min(_events.Count, at + countMax);
            into.AddRange(_events.GetRange(at, end - at));
            ended = _closed && end == _events.Count;
        }

        MarkRead(end);
        return ended;
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
                    // Continuations run elsewhere: the writer never runs a reader's code.
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
