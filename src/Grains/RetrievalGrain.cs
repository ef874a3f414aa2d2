using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Retrieval.Search;

namespace PixSearch.Grains;

/// <summary>The fan-out of an index over the cluster; the work is <see cref="ShardFanOut"/>'s.</summary>
[StatelessWorker]
[Reentrant]
internal sealed partial class RetrievalGrain(IShardHost shards, TimeProvider time, ILogger<RetrievalGrain> log)
    : Grain, IRetrievalGrain
{
    // A session's own search timeout is 10 s; a shard that needs a tenth of that is lost.
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(1);

    public async Task<HitsMessage> SearchAsync(QueryMessage query)
    {
        string index = shards.Resolve(query.Index);
        IRetriever[] legs =
        [
            .. Enumerable.Range(0, shards.CountOf(index))
                .Select(number => new ShardLeg(GrainFactory.GetGrain<IIndexShardGrain>($"{index}/{number}"))),
        ];
        var fanOut = new ShardFanOut(legs, s_deadline, time, (shard, reason) => ShardLost(log, index, shard, reason));
        try
        {
            return WireQueries.ToMessage(await fanOut.SearchAsync(WireQueries.ToQuery(query), CancellationToken.None));
        }
        catch (PixException error)
        {
            throw GrainErrorException.From(error);
        }
    }

    [LoggerMessage(LogLevel.Warning, "Index {Index}, shard {Shard} did not answer: {Reason}")]
    private static partial void ShardLost(ILogger log, string index, int shard, string reason);

    private sealed class ShardLeg(IIndexShardGrain shard) : IRetriever
    {
        public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
            WireQueries.ToResult(await shard.SearchAsync(WireQueries.ToMessage(query)).WaitAsync(cancellation));
    }
}

/// <summary>One shard: hands the query to the index that this silo has opened. The scan runs on the thread pool, not
/// in the turn.</summary>
[Reentrant]
internal sealed class IndexShardGrain(IShardHost shards) : Grain, IIndexShardGrain
{
    public async Task<HitsMessage> SearchAsync(QueryMessage query)
    {
        string[] parts = this.GetPrimaryKeyString().Split('/');
        int number = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
        try
        {
            IRetriever shard = shards.Open(parts[0], number);
            RetrievalQuery own = WireQueries.ToQuery(query);
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
