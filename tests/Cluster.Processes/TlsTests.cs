using PixSearch.Cluster.Tests;
using Xunit.Abstractions;

namespace PixSearch.Cluster.Processes;

/// <summary>
/// Goal: only who holds a certificate by the cluster's authority is spoken to. Method: intruders that know the
/// database and trust the cluster, so that it is the cluster that must refuse them.
/// </summary>
[Collection(nameof(ClusterCollection))]
public sealed class TlsTests(ClusterFixture cluster, ITestOutputHelper output) : IDisposable
{
    // Orleans' SiloStatus.Active.
    private const string ActiveSilos = "SELECT count(*) FROM OrleansMembershipTable WHERE Status = 3";

    private readonly string _folder = Directory.CreateTempSubdirectory("pixsearch-foreign-").FullName;

    [ClusterFact(LiveSilos = true)]
    public async Task Process_CertificateOfAnotherAuthority_IsRefused()
    {
        await cluster.RestoreAsync();
        object? before = await cluster.ScalarAsync(ActiveSilos);
        var foreign = new Authority(_folder);
        foreach (string role in (string[])["silo", "gateway"])
        {
            int refused = Refusals();
            using ClusterProcess intruder = cluster.BeginForeign(role, foreign);
            using var late = new CancellationTokenSource(TimeSpan.FromMinutes(4));
            while (Refusals() == refused)
            {
                await Task.Delay(50, late.Token); // tidy: another process
            }

            if (role == "silo")
            {
                // Its cluster does not hear of it, gives it up, and it sees that in the table.
                await intruder.ExitedAsync();
            }

            Assert.False(intruder.IsReady);
        }

        Assert.All(cluster.Silos, silo => Assert.False(silo.HasExited));
        Assert.Equal(before, await cluster.ScalarAsync(ActiveSilos));
        (await cluster.Client.AnswerAsync(ClusterClient.Question("intruder"))).AssertWhole();
    }

    private int Refusals() => cluster.Silos.Sum(silo => silo.Output.Split('\n')
        .Count(line => line.Contains("The remote certificate was rejected", StringComparison.Ordinal)));

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        cluster.Journal.MoveTo(output);
    }
}
