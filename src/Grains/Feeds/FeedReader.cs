using System.Threading.Channels;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;

namespace PixSearch.Grains.Feeds;

/// <summary>Why a reader gets no more events from a feed.</summary>
internal enum FeedEnd
{
    /// <summary>The session's last event is behind it.</summary>
    Over,

    /// <summary>The engine let the session go, or cannot be heard any more.</summary>
    Lost,

    /// <summary>It did not keep up; it may follow again from where it is.</summary>
    Behind,
}

/// <summary>One session's events as they come through a feed: written by the feed, read by one reader.</summary>
internal sealed class FeedReader(EngineFeed feed, int number)
{
    // Events that a client may be behind before it holds up nobody but itself: then the engine is left to notice.
    private const int EventsMax = 256;

    private readonly Channel<FeedEvent> _events = Channel.CreateBounded<FeedEvent>(
        new BoundedChannelOptions(EventsMax) { SingleReader = true, SingleWriter = false });

    private FeedEnd _end = FeedEnd.Lost;

    /// <summary>Its number in the feed.</summary>
    public int Number => number;

    /// <summary>Why <see cref="NextAsync"/> found no more.</summary>
    public FeedEnd End => _end;

    /// <summary>The next event; null at the end.</summary>
    public async ValueTask<SessionEvent?> NextAsync(CancellationToken cancellation)
    {
        while (await _events.Reader.WaitToReadAsync(cancellation))
        {
            if (_events.Reader.TryRead(out FeedEvent next))
            {
                return WireEvents.ToEvent(next);
            }
        }

        return null;
    }

    /// <summary>The feed brings an event; false: it need not bring more.</summary>
    public bool Add(in FeedEvent next)
    {
        if (next.Sequence < 0)
        {
            Close(next.Sequence == FeedEvent.Over ? FeedEnd.Over : FeedEnd.Lost);
            return false;
        }

        if (_events.Writer.TryWrite(next))
        {
            return true;
        }

        Close(FeedEnd.Behind);
        return false;
    }

    /// <summary>No more events come.</summary>
    public void Close(FeedEnd end)
    {
        _end = end;
        _events.Writer.TryComplete();
    }

    /// <summary>The reader goes away.</summary>
    public void Leave() => feed.Remove(this);
}
