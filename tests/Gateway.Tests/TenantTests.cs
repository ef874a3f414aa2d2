using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using PixSearch.Abstractions;
using PixSearch.Gateway.Tenants;

namespace PixSearch.Gateway.Tests;

/// <summary>The tenants file, rate limits and budgets, on a clock that the test moves.</summary>
public sealed class TenantTests
{
    private static readonly string s_hash = TenantDirectory.HashOf("k");

    private readonly ManualTime _time = new();
    private readonly ScriptedNode _node = new();

    [Theory]
    [InlineData("", "not valid|does not contain|JSON")]
    [InlineData("{}", "no tenant")]
    [InlineData("""{"tenants": [{"name": ""}]}""", "name")]
    [InlineData("""{"tenants": [{"name": "a"}, {"name": "a"}]}""", "twice")]
    [InlineData("""{"tenants": [{"name": "a", "keys": ["secret"]}]}""", "sha256")]
    [InlineData("""{"tenants": [{"name": "a", "keys": ["HASH", "HASH"]}]}""", "twice")]
    [InlineData("""{"tenants": [{"name": "a", "models": ["gpt"]}]}""", "no model 'gpt'")]
    [InlineData("""{"tenants": [{"name": "a", "indexes": ["flagz"]}]}""", "no index 'flagz'")]
    [InlineData("""{"tenants": [{"name": "a", "tokenBudjet": 5}]}""", "tokenBudjet")]
    [InlineData("""{"tenants": [{"name": "a", "budgetPeriod": "week"}]}""", "budgetPeriod")]
    [InlineData("""{"tenants": [{"name": "a", "requestsPerMinute": 0}]}""", "limit")]
    public void File_ThatIsWrong_IsRefusedWithTheReason(string json, string reason)
    {
        PixException error = Assert.Throws<PixException>(() =>
            TenantFile.Parse("t.json", Encoding.UTF8.GetBytes(json.Replace("HASH", s_hash, StringComparison.Ordinal)),
                _node));
        Assert.Contains(reason.Split('|'), one => error.Message.Contains(one, StringComparison.Ordinal));
    }

    [Fact]
    public void File_ThatIsRight_IsRead()
    {
        TenantRules rules = Assert.Single(TenantFile.Parse("t.json", Encoding.UTF8.GetBytes($$"""
            {"tenants": [{"name": "a", "keys": ["{{s_hash}}"], "models": ["nano"], "indexes": ["*"], "tokenBudget": 7,
              "budgetPeriod": "month", "requestsPerMinute": 3, "burst": 2, "concurrentSessions": 1}]} // comment
            """), _node).Tenants);
        Assert.Equal(("a", 7, BudgetPeriod.Month, 3, 2, 1), (rules.Name, rules.TokenBudget, rules.BudgetPeriod,
            rules.RequestsPerMinute, rules.Burst, rules.ConcurrentSessions));
    }

    [Fact]
    public void Rate_BurstThenWait_IsComputed()
    {
        var bucket = new TokenBucket(perMinute: 30, burst: 2, _time);
        Assert.True(bucket.TryTake(out _));
        Assert.True(bucket.TryTake(out _));
        Assert.False(bucket.TryTake(out TimeSpan wait));
        Assert.Equal(2, wait.TotalSeconds, 3);
        _time.Advance(TimeSpan.FromSeconds(1.99));
        Assert.False(bucket.TryTake(out _));
        _time.Advance(TimeSpan.FromSeconds(0.02));
        Assert.True(bucket.TryTake(out _));
    }

    [Fact]
    public void Concurrency_PastTheLimit_IsRefusedUntilOneLeaves()
    {
        var tenant = new Tenant(new TenantRules { Name = "a", ConcurrentSessions = 2 }, _time);
        RequestLease first = tenant.Admit(0);
        using RequestLease second = tenant.Admit(0);
        PixException error = Assert.Throws<PixException>(() => tenant.Admit(0));
        Assert.Equal(PixErrorKind.QuotaExceeded, error.Kind);
        Assert.True(error.RetryAfter >= TimeSpan.FromSeconds(1));
        first.Dispose();
        first.Dispose();
        Assert.Equal(1, tenant.Active);
        using RequestLease third = tenant.Admit(0);
    }

    [Fact]
    public void Ledger_ReserveAndSettle_NeverPassesTheBudget()
    {
        var ledger = new TokenLedger(_time);
        ledger.Reserve(60, 100, BudgetPeriod.Day);
        Assert.Throws<PixException>(() => ledger.Reserve(41, 100, BudgetPeriod.Day));
        ledger.Reserve(40, 100, BudgetPeriod.Day);
        Assert.True(ledger.Settle(60, 10));
        Assert.Equal((10, 40), (ledger.Spent, ledger.Reserved));
        PixException error = Assert.Throws<PixException>(() => ledger.Reserve(51, 100, BudgetPeriod.Day));
        Assert.Equal(TimeSpan.FromHours(1), error.RetryAfter);
        Assert.False(ledger.Settle(40, 41));
        Assert.Equal((51, 0), (ledger.Spent, ledger.Reserved));
    }

    [Fact]
    public void Ledger_NewPeriod_StartsAgainAndKeepsReservations()
    {
        var ledger = new TokenLedger(_time);
        ledger.Reserve(90, 100, BudgetPeriod.Month);
        ledger.Settle(30, 30);
        _time.Advance(TimeSpan.FromHours(2));
        ledger.Reserve(40, 100, BudgetPeriod.Month);
        Assert.Equal((0, 100), (ledger.Spent, ledger.Reserved));
        Assert.Throws<PixException>(() => ledger.Reserve(1, 100, BudgetPeriod.Month));
    }

    [Fact]
    public async Task Ledger_ManyAtOnce_SpentAndReservedStayWithin()
    {
        const long Budget = 10_000;
        var ledger = new TokenLedger(_time);
        long admitted = 0;
        bool over = false;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(() =>
        {
            var random = new SeededRandom((ulong)worker);
            for (int i = 0; i < 2_000; i++)
            {
                long want = (long)(random.NextUInt64() % 100);
                try
                {
                    ledger.Reserve(want, Budget, BudgetPeriod.Total);
                }
                catch (PixException)
                {
                    continue;
                }

                over |= ledger.Spent + ledger.Reserved > Budget;
                long used = (long)(random.NextUInt64() % (ulong)(want + 1));
                ledger.Settle(want, used);
                Interlocked.Add(ref admitted, used);
            }
        })));
        Assert.False(over);
        Assert.Equal((admitted, 0), (ledger.Spent, ledger.Reserved));
        Assert.InRange(ledger.Spent, Budget - 200, Budget);
    }

    [Fact]
    public void Directory_FileChanges_RulesFollowAndWrongOnesAreKeptOut()
    {
        string folder = Directory.CreateTempSubdirectory("px-tenants").FullName;
        string path = Path.Combine(folder, "tenants.json");
        void Write(string rules) => File.WriteAllText(path,
            $$"""{"tenants": [{"name": "a", "keys": ["{{s_hash}}"], {{rules}}}]}""");

        Write("\"tokenBudget\": 100");
        using var directory = new TenantDirectory(path, _node, _time, NullLogger.Instance);
        Tenant tenant = directory.Authenticate("Bearer k");
        tenant.Admit(70).Settle(70);
        Write("\"models\": [\"unknown\"]");
        directory.ReloadIfChanged();
        directory.ReloadIfChanged();
        Assert.Equal(1, directory.ReloadsRefused);
        Assert.Same(tenant, directory.Authenticate("Bearer k"));
        Assert.Throws<PixException>(() => tenant.Admit(31));
        Write("\"tokenBudget\": 200");
        directory.ReloadIfChanged();
        Assert.Equal(70, directory.Authenticate("Bearer k").Ledger.Spent);
        directory.Authenticate("bearer k").Admit(130).Dispose();
        File.WriteAllText(path, $$"""{"tenants": [{"name": "a", "keys": []}]}""");
        directory.ReloadIfChanged();
        Assert.Throws<PixException>(() => directory.Authenticate("Bearer k"));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Journal_CrashBetweenReserveAndSettle_IsKnownToTheNextProcess()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("px-ledger").FullName, "ledger.jsonl");
        using (var journal = new LedgerJournal(path, _time))
        {
            long settled = journal.Reserve("a", 100);
            journal.Bind(settled, "s1");
            journal.Settle(settled, 60);
            journal.Bind(journal.Reserve("a", 200), "s2");
            journal.Reserve("b", 300);
        }

        File.AppendAllText(path, "{\"Kind\":\"settle\",\"Id\":2,\"Tok");
        for (int restart = 0; restart < 2; restart++)
        {
            using var next = new LedgerJournal(path, _time);
            Assert.Equal([(200, "s2"), (300, null)],
                next.TakeUnsettled().Select(static one => (one.Tokens, one.Session)));
            var tenant = new Tenant(new TenantRules { Name = "a", BudgetPeriod = BudgetPeriod.Month }, _time);
            next.RestoreSpent(tenant);
            Assert.Equal(60, tenant.Ledger.Spent);
        }
    }
}
