using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Inference.Engine;

namespace PixSearch.Grains.Feeds;

/// <summary>
/// The sessions that one reader follows on this silo's engine. What piles up while an answer is under way leaves in the
/// next one; nothing waits for more to come. One call of <see cref="NextAsync"/> at a time; all else from any thread.
/// </summary>
internal sealed class EventFeed(TimeProvider time)
{
    // A batch of 256 sessions' steps; masks of some kB in it stay far below Orleans' 100 MB a message.
    private const int EventsMax = 256;

    private static readonly EventBatch s_signOfLife = new([]);

    private readonly Lock _gate = new();
    private readonly Dictionary<int, Followed> _followed = [];
    private readonly Queue<Followed> _ready = new();
    private readonly List<SessionEvent> _taken = [];
    private TaskCompletionSource? _waiting;
    private long _askedAt = time.GetTimestamp();

    /// <summary>How long nobody has asked.</summary>
    public TimeSpan Silence => time.GetElapsedTime(Volatile.Read(ref _askedAt));

    /// <summary>Follows a stream under a reader's number, which is new in this feed.</summary>
    public void Add(int reader, EventStream stream, long fromSequence)
    {
        var followed = new Followed(this, reader, stream, fromSequence);
        lock (_gate)
        {
            _followed.Add(reader, followed);
        }

        stream.Subscribe(followed.Published);
    }

    /// <summary>Stops following.</summary>
    public void Remove(int reader)
    {
        Followed? gone;
        lock (_gate)
        {
            _followed.Remove(reader, out gone);
        }

        gone?.Stream.Unsubscribe(gone.Published);
    }

    /// <summary>Stops following everything.</summary>
    public void Clear()
    {
        int[] readers;
        lock (_gate)
        {
            readers = [.. _followed.Keys];
        }

        foreach (int reader in readers)
        {
            Remove(reader);
        }
    }

    /// <summary>What is new; empty when nothing is for a while.</summary>
    public async Task<EventBatch> NextAsync()
    {
        Volatile.Write(ref _askedAt, time.GetTimestamp());
        Task? wait = null;
        lock (_gate)
        {
            if (_ready.Count == 0)
            {
                // Continuations run elsewhere: the engine's thread only notes what is ready.
                _waiting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                wait = _waiting.Task;
            }
        }

        if (wait is not null)
        {
            try
            {
                await wait.WaitAsync(WireEvents.HeartbeatPeriod, time);
            }
            catch (TimeoutException)
            {
                return s_signOfLife;
            }
        }

        return Collect();
    }

    private EventBatch Collect()
    {
        var batch = new List<FeedEvent>();
        while (batch.Count < EventsMax && TryDequeue() is { } followed)
        {
            _taken.Clear();
            bool ended = followed.Stream.Take(followed.Next, EventsMax - batch.Count, _taken);
            foreach (SessionEvent next in _taken)
            {
                batch.Add(WireEvents.ToFeed(followed.Reader, next));
                followed.Next = next.Sequence + 1;
            }

            if (!ended)
            {
                if (batch.Count == EventsMax)
                {
                    // Perhaps not all of it.
                    Note(followed);
                }

                continue;
            }

            Remove(followed.Reader);
            if (_taken is not [.., Finished or Failed])
            {
                batch.Add(new FeedEvent(followed.Reader,
                    followed.Stream.IsAbandoned ? FeedEvent.LetGo : FeedEvent.Over, null, null));
            }
        }

        return batch.Count == 0 ? s_signOfLife : new EventBatch([.. batch]);
    }

    private Followed? TryDequeue()
    {
        lock (_gate)
        {
            while (_ready.TryDequeue(out Followed? followed))
            {
                followed.IsReady = false;
                if (_followed.GetValueOrDefault(followed.Reader) == followed)
                {
                    return followed;
                }
            }

            return null;
        }
    }

    private void Note(Followed followed)
    {
        TaskCompletionSource? waiting;
        lock (_gate)
        {
            if (followed.IsReady)
            {
                return;
            }

            followed.IsReady = true;
            _ready.Enqueue(followed);
            (waiting, _waiting) = (_waiting, null);
        }

        waiting?.SetResult();
    }

    private sealed class Followed
    {
        public Followed(EventFeed feed, int reader, EventStream stream, long next)
        {
            (Reader, Stream, Next) = (reader, stream, next);
            Published = () => feed.Note(this);
        }

        public int Reader { get; }

        public EventStream Stream { get; }

        public Action Published { get; }

        /// <summary>Used by the one who collects.</summary>
        public long Next { get; set; }

        /// <summary>Guarded by the feed's gate.</summary>
        public bool IsReady { get; set; }
    }
}
