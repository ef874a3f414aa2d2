using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Placement;
using PixSearch.Retrieval;
using PixSearch.Retrieval.Search;

namespace PixSearch.Grains;

/// <summary>
/// The fan-out of an index over the cluster; the work is <see cref="ShardFanOut"/>'s. Every shard has two replicas on
/// different silos: when the first is slow or lost, the second is asked too (<see cref="HedgedRetriever"/>).
/// </summary>
[StatelessWorker]
[Reentrant]
internal sealed partial class RetrievalGrain(IShardHost shards, TimeProvider time, ILogger<RetrievalGrain> log)
    : Grain, IRetrievalGrain
{
    private const int Replicas = 2;

    // A session's own search timeout is 10 s; a shard that needs a third of that is lost. The first search of a shard
    // opens its index, which takes most of a second.
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(3);

    // About the 95th percentile: a scan of 114,000 vectors takes 60 ms, BM25 2 to 6 ms, a hop below 1 ms.
    private static readonly TimeSpan s_hedge = TimeSpan.FromMilliseconds(100);

    public async Task<HitsMessage> SearchAsync(QueryMessage query)
    {
        try
        {
            string index = shards.Resolve(query.Index);
            IRetriever[] legs = [.. Enumerable.Range(0, shards.CountOf(index)).Select(shard => Leg(index, shard))];
            var fanOut = new ShardFanOut(legs, s_deadline, time,
                (shard, reason) => ShardLost(log, index, shard, reason));
            return WireQueries.ToMessage(await fanOut.SearchAsync(WireQueries.ToQuery(query), CancellationToken.None));
        }
        catch (PixException error)
        {
            throw GrainErrorException.From(error);
        }
    }

    private HedgedRetriever Leg(string index, int shard) => new(
    [
        .. Enumerable.Range(0, Replicas).Select(replica => new ShardLeg(
            GrainFactory.GetGrain<IIndexShardGrain>(ReplicaPlacement.KeyOf(index, shard, replica)))),
    ], s_hedge, time);

    [LoggerMessage(LogLevel.Warning, "Index {Index}, shard {Shard} did not answer: {Reason}")]
    private static partial void ShardLost(ILogger log, string index, int shard, string reason);

    private sealed class ShardLeg(IIndexShardGrain shard) : IRetriever
    {
        public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
        {
            try
            {
                HitsMessage hits = await shard.SearchAsync(WireQueries.ToMessage(query)).WaitAsync(cancellation);
                return WireQueries.ToResult(hits);
            }
            catch (GrainErrorException error)
            {
                throw error.ToPixException();
            }
        }
    }
}

/// <summary>One shard: hands the query to the index that this silo has opened. The scan runs on the thread pool, not
/// in the turn.</summary>
[ReplicaPlacement]
[Reentrant]
internal sealed class IndexShardGrain(IShardHost shards) : Grain, IIndexShardGrain
{
    public async Task<HitsMessage> SearchAsync(QueryMessage query)
    {
        (string index, int number) = ReplicaPlacement.Parse(this.GetPrimaryKeyString());
        try
        {
            IRetriever shard = shards.Open(index, number);

            // A shard's folder knows itself by another name than its index.
            RetrievalQuery own = WireQueries.ToQuery(query) with { Index = "" };
            return WireQueries.ToMessage(await Task.Run(() => shard.SearchAsync(own, CancellationToken.None).AsTask()));
        }
        catch (PixException error)
        {
            throw GrainErrorException.From(error);
        }
    }
}

/// <summary>The indexes that every silo can open (a shared volume, or a copy on each).</summary>
public interface IShardHost
{
    /// <summary>The index's name; the default's for an empty one. Throws <see cref="PixErrorKind.NotFound"/>.</summary>
    string Resolve(string index);

    /// <summary>Number of shards of an index.</summary>
    int CountOf(string index);

    /// <summary>A shard, opened once and kept.</summary>
    IRetriever Open(string index, int shard);
}

/// <summary>The retrieval port of an engine in a silo: its searches go through the cluster.</summary>
public sealed class GrainRetriever(IGrainFactory grains) : IRetriever
{
    /// <inheritdoc/>
    public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
    {
        try
        {
            Task<HitsMessage> call = grains.GetGrain<IRetrievalGrain>(0).SearchAsync(WireQueries.ToMessage(query));
            return WireQueries.ToResult(await call.WaitAsync(cancellation));
        }
        catch (GrainErrorException error)
        {
            throw error.ToPixException();
        }
    }
}

/// <summary>Queries and hits in their wire form.</summary>
internal static class WireQueries
{
    public static QueryMessage ToMessage(RetrievalQuery query) => new()
    {
        Index = query.Index,
        Modality = query.Modality,
        Text = query.Text,
        Width = query.Picture?.Width ?? 0,
        Height = query.Picture?.Height ?? 0,
        Pixels = query.Picture?.Data.ToArray() ?? [],
        TopK = query.TopK,
    };

    public static RetrievalQuery ToQuery(QueryMessage message) => new(message.Index, message.Modality, message.Text,
        message.Width > 0 ? new RgbPixels(message.Width, message.Height, message.Pixels) : null, message.TopK);

    public static HitsMessage ToMessage(RetrievalResult result) => new(
        [.. result.Hits.Select(hit => new HitMessage(hit.DocumentId, hit.Title, hit.Snippet, hit.Score, hit.Leg))],
        result.Partial);

    public static RetrievalResult ToResult(HitsMessage message) => new(
        [.. message.Hits.Select(hit => new EvidenceHit(hit.DocumentId, hit.Title, hit.Snippet, hit.Score, hit.Leg))],
        message.Partial);
}
