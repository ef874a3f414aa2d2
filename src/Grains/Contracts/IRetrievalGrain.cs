using Orleans.Concurrency;

namespace PixSearch.Grains.Contracts;

/// <summary>Fans a query out to the shards of an index and merges what comes back in time. Stateless: any silo
/// answers.</summary>
[Alias("pixsearch.IRetrievalGrain")]
public interface IRetrievalGrain : IGrainWithIntegerKey
{
    /// <summary>Hits, best first; flagged partial when a shard failed or was late.</summary>
    [Alias("Search")]
    [ReadOnly]
    Task<HitsMessage> SearchAsync(QueryMessage query);
}

/// <summary>One shard of an index. Grain key: <c>index/number/replica</c>.</summary>
[Alias("pixsearch.IIndexShardGrain")]
public interface IIndexShardGrain : IGrainWithStringKey
{
    /// <summary>This shard's best hits.</summary>
    [Alias("Search")]
    [AlwaysInterleave]
    Task<HitsMessage> SearchAsync(QueryMessage query);
}
