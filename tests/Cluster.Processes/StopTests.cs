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
    public async Task Terminate_MiddleOfDecoding_SessionMovesAtOnce()
    {
        await cluster.RestoreAsync();
        string question = ClusterClient.Question("moves");
        Answer expected = await cluster.Client.AnswerAsync(question);
        Task<Answer> asked;
        ClusterProcess leaving;

        // Early enough: an engine goes some steps on while a commit is held up, and must not reach the end.
        await using (CommitGate gate = await CommitGate.CloseAsync(cluster.Database, question, "token", 20))
        {
            asked = cluster.Client.AnswerAsync(question);
            leaving = cluster.Silo(await gate.ArrivedAsync());
            leaving.Terminated();
            await leaving.DrainingAsync();
        }

        Answer answer = await asked;
        answer.AssertWhole();
        answer.AssertEquals(expected);
        await leaving.ExitedAsync();
        Assert.Equal(0, leaving.ExitCode);

        // Not waited for: another engine claimed it and wrote the rest.
        Assert.Equal(2, await cluster.EpochAsync(question));
    }

    public void Dispose() => cluster.Journal.MoveTo(output);
}
