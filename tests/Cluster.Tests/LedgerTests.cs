using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;

namespace PixSearch.Cluster.Tests;

/// <summary>Goal: one budget holds over all gateways, exactly, whoever asks, reads or refuses.</summary>
[Collection(nameof(TwoSilosCollection))]
public sealed class LedgerTests(TwoSilos cluster)
{
    [ClusterFact]
    public async Task Session_ReadToTheEnd_ChargesWhatItUsed()
    {
        await cluster.ReportAsync(report => report, report => report);
        string account = Guid.NewGuid().ToString("N");
        AnswerRequest request = Request(account, tokens: 100, budget: 250);
        string first = await cluster.Answers.StartAsync(request, default);
        await cluster.Answers.StartAsync(request, default);
        PixException refused = await Assert.ThrowsAsync<PixException>(
            async () => await cluster.Answers.StartAsync(request, default));
        Assert.Equal(PixErrorKind.QuotaExceeded, refused.Kind);
        Assert.Equal(new LedgerBalance(0, 200), await BalanceAsync(account));

        // Two readers, as after a gateway was lost: charged once.
        Assert.Equal(3, await CountAsync(first));
        Assert.Equal(3, await CountAsync(first));
        Assert.Equal(new LedgerBalance(EngineDouble.Used.Tokens, 100), await BalanceAsync(account));
        await cluster.Answers.StartAsync(request, default);
    }

    [ClusterFact]
    public async Task Session_RefusedByEngines_CostsNothing()
    {
        await cluster.ReportAsync(report => report, report => report);
        cluster.Engines[0].Full = cluster.Engines[1].Full = true;
        string account = Guid.NewGuid().ToString("N");
        await Assert.ThrowsAsync<PixException>(
            async () => await cluster.Answers.StartAsync(Request(account, tokens: 10, budget: 10), default));
        Assert.Equal(new LedgerBalance(0, 0), await BalanceAsync(account));
    }

    [ClusterFact]
    public async Task Reserve_ManyAtOnce_NeverPassesTheBudget()
    {
        ITenantGrain ledger = cluster.Grains.GetGrain<ITenantGrain>(Guid.NewGuid().ToString("N"));
        bool[] held = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => ledger.ReserveAsync($"{i}", 10, 205)));
        Assert.Equal(20, held.Count(one => one));
        Assert.Equal(new LedgerBalance(0, 200), await ledger.BalanceAsync());

        // The id is the retry key.
        int known = Array.IndexOf(held, true);
        Assert.True(await ledger.ReserveAsync($"{known}", 10, 205));
        await ledger.SettleAsync($"{known}", 4);
        await ledger.SettleAsync($"{known}", 9);
        Assert.Equal(new LedgerBalance(4, 190), await ledger.BalanceAsync());
    }

    private static AnswerRequest Request(string account, long tokens, long budget) => new()
    {
        Question = "What is this?",
        Model = "m",
        Reservation = new TokenReservation(account, tokens, budget),
    };

    private async Task<int> CountAsync(string session)
    {
        int count = 0;
        await foreach (SessionEvent _ in cluster.Answers.ReadAsync(session, 0, default))
        {
            count++;
        }

        return count;
    }

    private Task<LedgerBalance> BalanceAsync(string account) =>
        cluster.Grains.GetGrain<ITenantGrain>(account).BalanceAsync();
}
