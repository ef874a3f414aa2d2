using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;

namespace PixSearch.Cluster.Tests;

/// <summary>Goal: a silo that is slow or broken costs a search nothing while another holds the same shard.</summary>
[Collection(nameof(TwoSilosCollection))]
public sealed class RetrievalTests(TwoSilos cluster)
{
    [ClusterFact]
    public async Task Search_OneSiloHangs_ComesWholeFromTheOther()
    {
        var held = new TaskCompletionSource();
        HitsMessage hits = await SearchAsync(() => held.Task, () => Task.CompletedTask);
        held.SetResult();
        Assert.False(hits.Partial);
        Assert.Equal(["shard 0", "shard 1"], hits.Hits.Select(hit => hit.Title));
    }

    [ClusterFact]
    public async Task Search_OneSiloFails_ComesWholeFromTheOther()
    {
        HitsMessage hits = await SearchAsync(() => Task.CompletedTask, () => throw new IOException("disk"));
        Assert.False(hits.Partial);
        Assert.Equal(["shard 0", "shard 1"], hits.Hits.Select(hit => hit.Title));
    }

    [ClusterFact]
    public async Task Search_AllHang_IsFlaggedPartial()
    {
        var held = new TaskCompletionSource();
        HitsMessage hits = await SearchAsync(() => held.Task, () => held.Task);
        held.SetResult();
        Assert.True(hits.Partial);
        Assert.Empty(hits.Hits);
    }

    private async Task<HitsMessage> SearchAsync(Func<Task> first, Func<Task> second)
    {
        (cluster.Shards[0].Before, cluster.Shards[1].Before) = (first, second);
        try
        {
            return await cluster.Grains.GetGrain<IRetrievalGrain>(0).SearchAsync(
                new QueryMessage { Index = "", Modality = SearchModality.Text, Text = "flag", TopK = 3 });
        }
        finally
        {
            cluster.Shards[0].Before = cluster.Shards[1].Before = () => Task.CompletedTask;
        }
    }
}
