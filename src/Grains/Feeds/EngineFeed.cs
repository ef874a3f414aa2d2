using PixSearch.Grains.Contracts;

namespace PixSearch.Grains.Feeds;

/// <summary>
/// A gateway's feed of one engine: asks for what is new while anybody reads, and hands it out. When an answer does not
/// come the feed is broken for good, and its readers look for their sessions anew: so an answer that got lost is no
/// gap. Safe from any thread.
/// </summary>
internal sealed class EngineFeed(IModelGrain engine, TimeProvider time)
{
    /// <summary>
    /// Orleans tells a client nothing of a call that was under way to a silo that died: it would be waited for until
    /// its timeout. An engine that lives is heard of three times as often as this.
    /// </summary>
    public static readonly TimeSpan SilenceMax = 3 * WireEvents.HeartbeatPeriod;

    // This process itself may have stood still. The engine forgets a feed that nobody asks for, after twice as long.
    private static readonly TimeSpan s_sleepMax = EventFeeds.Forgotten / 2;

    private readonly Lock _gate = new();
    private readonly string _name = Guid.NewGuid().ToString("N");
    private readonly Dictionary<int, FeedReader> _readers = [];
    private int _last;
    private bool _asking;

    /// <summary>Whether it can bring nothing any more.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>A reader of a session from a number on; null when the session does not run there, or when this feed is
    /// broken. Throws what calls of grains throw, and <see cref="TimeoutException"/>.</summary>
    public async Task<FeedReader?> FollowAsync(string session, long fromSequence, CancellationToken cancellation)
    {
        FeedReader reader;
        lock (_gate)
        {
            if (IsBroken)
            {
                return null;
            }

            reader = new FeedReader(this, ++_last);
            _readers.Add(reader.Number, reader);
        }

        // Asked for at once: what the engine has then leaves with the next answer.
        Ask();
        bool found = false;
        try
        {
            found = await engine.FollowAsync(_name, reader.Number, session, fromSequence)
                .WaitAsync(SilenceMax, time, cancellation);
        }
        finally
        {
            if (!found)
            {
                Remove(reader);
            }
        }

        return found ? reader : null;
    }

    /// <summary>A reader goes away; the engine is told unless it knows that the session is over.</summary>
    public void Remove(FeedReader reader)
    {
        lock (_gate)
        {
            if (!_readers.Remove(reader.Number) || IsBroken)
            {
                return;
            }
        }

        engine.LeaveAsync(_name, reader.Number).Ignore();
    }

    private void Ask()
    {
        lock (_gate)
        {
            if (_asking || IsBroken)
            {
                return;
            }

            _asking = true;
        }

        // It asks for all its readers: on behalf of none, and in nobody's trace.
        using (ExecutionContext.SuppressFlow())
        {
            _ = Task.Run(AskAsync);
        }
    }

    private async Task AskAsync()
    {
        while (true)
        {
            EventBatch batch;
            long asked = time.GetTimestamp();
            try
            {
                batch = await engine.NextAsync(_name).WaitAsync(SilenceMax, time);
            }
            catch (Exception)
            {
                // Whatever it was, readers find out where their sessions are.
                Break();
                return;
            }

            if (time.GetElapsedTime(asked) > s_sleepMax)
            {
                Break();
                return;
            }

            lock (_gate)
            {
                foreach (FeedEvent next in batch.Events)
                {
                    HandOut(next);
                }

                if (_readers.Count == 0)
                {
                    _asking = false;
                    return;
                }
            }
        }
    }

    private void HandOut(in FeedEvent next)
    {
        if (!_readers.TryGetValue(next.Reader, out FeedReader? reader))
        {
            return;
        }

        bool more = reader.Add(next);
        if (!more || WireEvents.IsLast(next))
        {
            _readers.Remove(next.Reader);
            reader.Close(more ? FeedEnd.Over : reader.End);
            if (reader.End == FeedEnd.Behind)
            {
                engine.LeaveAsync(_name, next.Reader).Ignore();
            }
        }
    }

    private void Break()
    {
        lock (_gate)
        {
            IsBroken = true;
            foreach (FeedReader reader in _readers.Values)
            {
                reader.Close(FeedEnd.Lost);
            }

            _readers.Clear();
        }
    }
}
