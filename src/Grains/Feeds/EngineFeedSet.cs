using System.Collections.Concurrent;
using PixSearch.Grains.Contracts;

namespace PixSearch.Grains.Feeds;

/// <summary>A gateway's feeds, one an engine. Safe from any thread.</summary>
internal sealed class EngineFeedSet(IGrainFactory grains, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, EngineFeed> _feeds = new();

    /// <summary>As <see cref="EngineFeed.FollowAsync"/>; a feed that broke is replaced.</summary>
    public Task<FeedReader?> FollowAsync(string engine, string session, long fromSequence,
        CancellationToken cancellation)
    {
        // Engines come and go; those that went are broken sooner or later, and nobody asks for them again.
        foreach ((string name, EngineFeed feed) in _feeds)
        {
            if (feed.IsBroken)
            {
                _feeds.TryRemove(KeyValuePair.Create(name, feed));
            }
        }

        return _feeds.GetOrAdd(engine, name => new EngineFeed(grains.GetGrain<IModelGrain>(name), time))
            .FollowAsync(session, fromSequence, cancellation);
    }
}
