using PixSearch.Cluster.Tests;
using Xunit.Abstractions;

namespace PixSearch.Cluster.Processes;

/// <summary>Goal: silos that are asked to leave give their sessions away; nobody's request fails.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class StopTests(ClusterFixture cluster, ITestOutputHelper output) : IDisposable
{
    private const int Clients = 4;

    [ClusterFact(LiveSilos = true)]
    public async Task Terminate_UnderLoad_NoFailedRequest()
    {
        await cluster.RestoreAsync();
        await using var load = new Load(cluster.Client, Clients, ClusterClient.Question("terminate"));
        await load.BusyAsync();
        ClusterProcess leaving = cluster.Silos[0];
        leaving.Terminated();
        await leaving.ExitedAsync();
        Assert.Equal(0, leaving.ExitCode);
        Assert.InRange(await load.StopAsync(), Clients, int.MaxValue);
    }

    [ClusterFact(LiveSilos = true)]
    public async Task RollingRestart_AllSilosUnderLoad_NoFailedRequest()
    {
        await cluster.RestoreAsync();
        await using var load = new Load(cluster.Client, Clients, ClusterClient.Question("rolling"));
        await load.BusyAsync();
        foreach (ClusterProcess old in cluster.Silos.ToArray())
        {
            old.Terminated();
            await old.ExitedAsync();
            Assert.Equal(0, old.ExitCode);
            await cluster.RestoreAsync();
        }

        Assert.InRange(await load.StopAsync(), Clients, int.MaxValue);
    }

    [ClusterFact(LiveSilos = true)]
    public async Task Silo_CertificateOfAnotherAuthority_CannotJoin()
    {
        await cluster.RestoreAsync();
        string folder = Directory.CreateTempSubdirectory("pixsearch-foreign-").FullName;
        try
        {
            InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(
                () => cluster.StartAsync("silo", new Authority(folder)));
            Assert.Contains("ended", refused.Message);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public void Dispose() => cluster.Journal.MoveTo(output);
}
