using PixSearch.Cluster.Tests;
using PixSearch.Gateway.V1;
using Xunit.Abstractions;

namespace PixSearch.Cluster.Processes;

/// <summary>
/// Goal: whatever happens to a silo, a client's one call goes on to the same bytes. Method: real processes, signals,
/// and a gate in the database that holds the engine at the exact point of a session where it is lost.
/// </summary>
[Collection(nameof(ClusterCollection))]
public sealed class LossTests(ClusterFixture cluster, ITestOutputHelper output) : IDisposable
{
    [ClusterFact(LiveSilos = true)]
    public async Task Kill_MiddleOfDecoding_SameBytes() => await KillAtAsync("token", position: 20);

    [ClusterFact(LiveSilos = true)]
    public async Task Kill_InsideSearch_SameBytes() => await KillAtAsync("evidence", position: 25);

    [ClusterFact(LiveSilos = true)]
    public async Task Kill_BetweenSpanAndMask_SameBytes() => await KillAtAsync("masks", position: 0);

    [ClusterFact(LiveSilos = true)]
    public async Task Freeze_AndThaw_NoSecondWriter()
    {
        await cluster.RestoreAsync();
        (string question, Answer expected) = await UndisturbedAsync("freeze");
        Task<Answer> asked;
        ClusterProcess frozen;
        await using (CommitGate gate = await CommitGate.CloseAsync(cluster.Database, question, "token", 20))
        {
            asked = cluster.Client.AnswerAsync(question);
            frozen = cluster.Silo(await gate.ArrivedAsync());
            frozen.Freeze();

            // Frozen with its statement under way: the database finishes it, as it would for a silo that swaps.
            await gate.OpenAsync();
        }

        Answer answer = await asked;
        answer.AssertWhole();
        answer.AssertEquals(expected);
        Assert.InRange(answer.LongestPause, TimeSpan.Zero, ClusterFactAttribute.RecoveryMax);
        string before = await LogAsync(question);

        // It still believes that the session is its own and has a token to write; it must not, and must leave.
        frozen.Thaw();
        await frozen.ExitedAsync();
        Assert.Equal(before, await LogAsync(question));
        Assert.Equal(0L, await cluster.ScalarAsync("""
            SELECT count(*) FROM (
                SELECT epoch - lag(epoch) OVER (PARTITION BY session_id ORDER BY position) AS step
                FROM pix_session_entry) steps WHERE step < 0
            """));
    }

    [ClusterFact(LiveSilos = true)]
    public async Task DatabaseRestart_UnderLoad_NoSessionLost()
    {
        await cluster.RestoreAsync();
        await using var load = new Load(cluster.Client, 4, ClusterClient.Question("database"));
        await load.BusyAsync();
        cluster.Postgres.Stop();
        cluster.Postgres.Start();
        cluster.Database.Clear();
        Assert.InRange(await load.StopAsync(), 4, int.MaxValue);
        Assert.Equal(0L, await cluster.ScalarAsync("SELECT count(*) FROM pix_session WHERE NOT over"));
    }

    public void Dispose() => cluster.Journal.MoveTo(output);

    private async Task KillAtAsync(string kind, int position)
    {
        await cluster.RestoreAsync();
        (string question, Answer expected) = await UndisturbedAsync($"{kind} {position}");
        Task<Answer> asked;
        await using (CommitGate gate = await CommitGate.CloseAsync(cluster.Database, question, kind, position))
        {
            asked = cluster.Client.AnswerAsync(question);
            cluster.Silo(await gate.ArrivedAsync()).Kill();
            await gate.GoneAsync();
        }

        Answer answer = await asked;
        answer.AssertWhole();
        answer.AssertEquals(expected);
        Assert.InRange(answer.LongestPause, TimeSpan.Zero, ClusterFactAttribute.RecoveryMax);
        Assert.Equal(2, await cluster.EpochAsync(question));
    }

    private async Task<(string Question, Answer Expected)> UndisturbedAsync(string mark)
    {
        string question = ClusterClient.Question(mark);
        Answer expected = await cluster.Client.AnswerAsync(question);
        expected.AssertWhole();
        Assert.Equal(2, expected.Events.Count(next => next.EventCase == AnswerEvent.EventOneofCase.Evidence));
        Assert.Contains(expected.Events, next => next.EventCase == AnswerEvent.EventOneofCase.Mask);
        return (question, expected);
    }

    private async Task<string> LogAsync(string question) => (string)(await cluster.ScalarAsync("""
        SELECT string_agg(concat_ws(' ', e.session_id, e.position, e.epoch, e.entry), E'\n'
            ORDER BY e.session_id, e.position)
        FROM pix_session_entry e JOIN pix_session s ON s.id = e.session_id WHERE s.request ->> 'question' = $1
        """, question))!;
}
