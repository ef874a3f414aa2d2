using PixSearch.Abstractions;
using PixSearch.Grains;
using PixSearch.Grains.Contracts;

namespace PixSearch.Cluster.Tests;

/// <summary>
/// Goal: a session runs where its engine's report says it is done first. Method: real placement over two real silos
/// whose reports differ in one thing only, by so much that chance has no say.
/// </summary>
[Collection(nameof(TwoSilosCollection))]
public sealed class PlacementTests(TwoSilos cluster)
{
    private const int Sessions = 6;

    [ClusterFact]
    public async Task Session_ModelOnOneSilo_RunsThere()
    {
        await cluster.ReportAsync(report => report, report => report with { Models = ["other"] });
        Assert.Equal(Sessions, await CountOnSecondAsync(Request() with { Model = "other" }));
    }

    [ClusterFact]
    public async Task Session_PictureEncodedThere_RunsThere()
    {
        byte[] picture = [1, 2, 3];
        string hash = await cluster.Store.PutPictureAsync(picture, default);
        await cluster.ReportAsync(report => report, report => report with { Pictures = [hash] });
        Assert.Equal(Sessions, await CountOnSecondAsync(Request() with { Picture = picture }));
    }

    [ClusterFact]
    public async Task Session_PagesShort_RunsElsewhere()
    {
        await cluster.ReportAsync(report => report with { PagesFree = 1 }, report => report);
        Assert.Equal(Sessions, await CountOnSecondAsync(Request()));
    }

    [ClusterFact]
    public async Task Session_CostQueued_RunsElsewhere()
    {
        await cluster.ReportAsync(report => report with { CostQueued = 50_000 }, report => report);
        Assert.Equal(Sessions, await CountOnSecondAsync(Request()));
    }

    [ClusterFact]
    public async Task Session_SiloLeaving_RunsElsewhere()
    {
        await cluster.ReportAsync(report => report with { Draining = true }, report => report);
        Assert.Equal(Sessions, await CountOnSecondAsync(Request()));
    }

    [ClusterFact]
    public async Task Session_EngineFull_RunsElsewhere()
    {
        await cluster.ReportAsync(report => report, report => report with { CostQueued = 50_000 });
        cluster.Engines[0].Full = true;
        Assert.Equal(Sessions, await CountOnSecondAsync(Request()));

        // Who refused had not claimed it: the owner wrote under the first epoch, and this claim makes the second.
        string session = await cluster.Answers.StartAsync(Request(), default);
        StoredSession? claimed = await cluster.Store.ClaimAsync(session, "test", from: null, default);
        Assert.Equal(2, claimed!.Epoch);
    }

    [ClusterFact]
    public async Task Session_AllEnginesFull_IsRefusedAsOverloaded()
    {
        await cluster.ReportAsync(report => report, report => report);
        cluster.Engines[0].Full = cluster.Engines[1].Full = true;
        PixException error = await Assert.ThrowsAsync<PixException>(
            async () => await cluster.Answers.StartAsync(Request(), default));
        Assert.Equal(PixErrorKind.Overloaded, error.Kind);
    }

    private static AnswerRequest Request() => new()
    {
        Question = "What is this?",
        Model = "m",
        Sampling = new SamplingOptions { MaxTokens = 8 },
    };

    private async Task<int> CountOnSecondAsync(AnswerRequest request)
    {
        var started = new List<string>();
        for (int i = 0; i < Sessions; i++)
        {
            started.Add(await cluster.Answers.StartAsync(request, default));
        }

        Assert.Equal(started.Order(), cluster.Engines.SelectMany(engine => engine.Sessions).Intersect(started).Order());
        return cluster.Engines[1].Sessions.Intersect(started).Count();
    }
}
