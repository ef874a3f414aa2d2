using System.Collections.Concurrent;
using PixSearch.Grains.Contracts;
using PixSearch.Inference.Engine;

namespace PixSearch.Grains.Feeds;

/// <summary>All feeds of this silo's engine, by name; not the grain's, so that losing its activation loses none. Safe
/// from any thread.</summary>
internal sealed class EventFeeds(IEngineHost engine, TimeProvider time)
{
    /// <summary>A feed is dropped when nobody has asked for so long; readers ask once in half a second at
    /// least.</summary>
    public static readonly TimeSpan Forgotten = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, EventFeed> _feeds = new();

    /// <summary>Adds a session to a feed; false when the engine does not have it.</summary>
    public bool Follow(string feed, int reader, string sessionId, long fromSequence)
    {
        ForgetSilent();
        if (engine.Find(sessionId) is not { } stream)
        {
            return false;
        }

        Of(feed).Add(reader, stream, fromSequence);
        return true;
    }

    /// <summary>Takes a session out of a feed.</summary>
    public void Leave(string feed, int reader)
    {
        if (_feeds.TryGetValue(feed, out EventFeed? known))
        {
            known.Remove(reader);
        }
    }

    /// <summary>What is new in a feed.</summary>
    public Task<EventBatch> NextAsync(string feed) => Of(feed).NextAsync();

    private EventFeed Of(string name) => _feeds.GetOrAdd(name, _ => new EventFeed(time));

    private void ForgetSilent()
    {
        foreach ((string name, EventFeed feed) in _feeds)
        {
            if (feed.Silence > Forgotten && _feeds.TryRemove(name, out _))
            {
                feed.Clear();
            }
        }
    }
}
