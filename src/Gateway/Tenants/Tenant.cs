using System.Globalization;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Tenants;

/// <summary>A tenant at run time: its rules, which a reload may replace, and what it uses now, which outlives
/// reloads.</summary>
internal sealed class Tenant
{
    // Weight of the newest duration in the moving average that Retry-After is computed from.
    private const double DurationWeight = 0.2;

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private TokenBucket? _rate;
    private int _active;
    private double _secondsMean = 1;

    internal Tenant(TenantRules rules, TimeProvider time)
    {
        _time = time;
        Ledger = new TokenLedger(time);
        Rules = rules;
        _rate = Bucket(rules);
    }

    internal string Name => Rules.Name;

    internal TenantRules Rules { get; private set; }

    internal TokenLedger Ledger { get; }

    /// <summary>Requests that run now.</summary>
    internal int Active => Volatile.Read(ref _active);

    /// <summary>Takes over new rules; a rate limit starts full only when it changed.</summary>
    internal void Apply(TenantRules rules)
    {
        lock (_gate)
        {
            bool sameRate = rules.RequestsPerMinute == Rules.RequestsPerMinute && rules.Burst == Rules.Burst;
            _rate = sameRate ? _rate : Bucket(rules);
            Rules = rules;
        }
    }

    /// <summary>
    /// Lets a request in: rate, then concurrency, then budget. Throws <see cref="PixErrorKind.QuotaExceeded"/> with the
    /// time to wait; what is returned has to be disposed.
    /// </summary>
    /// <param name="reserve">The most tokens that the request can use.</param>
    internal RequestLease Admit(long reserve)
    {
        lock (_gate)
        {
            TenantRules rules = Rules;
            if (_rate is not null && !_rate.TryTake(out TimeSpan wait))
            {
                throw new PixException(PixErrorKind.QuotaExceeded,
                    $"The limit of {rules.RequestsPerMinute} requests a minute is reached (requestsPerMinute).")
                {
                    RetryAfter = wait,
                };
            }

            if (rules.ConcurrentSessions is { } limit && _active >= limit)
            {
                throw new PixException(PixErrorKind.QuotaExceeded,
                    $"{_active} requests run already; the limit is {limit} (concurrentSessions).")
                {
                    RetryAfter = TimeSpan.FromSeconds(Math.Clamp(_secondsMean / limit, 1, 60)),
                };
            }

            Ledger.Reserve(reserve, rules.TokenBudget, rules.BudgetPeriod);
            _active++;
            return new RequestLease(this, reserve, _time.GetTimestamp());
        }
    }

    /// <summary>The same reservation for a budget that several gateways share; null when the tenant has none.</summary>
    internal TokenReservation? Shared(long tokens)
    {
        if (Rules.TokenBudget is not { } budget)
        {
            return null;
        }

        DateTimeOffset now = _time.GetUtcNow();
        string period = Rules.BudgetPeriod switch
        {
            BudgetPeriod.Day => now.ToString("/yyyy-MM-dd", CultureInfo.InvariantCulture),
            BudgetPeriod.Month => now.ToString("/yyyy-MM", CultureInfo.InvariantCulture),
            _ => "",
        };
        return new TokenReservation(Name + period, tokens, budget);
    }

    /// <summary>Takes a reservation of an earlier process back into the books, whatever the limits are now.</summary>
    internal RequestLease Readmit(long reserve)
    {
        lock (_gate)
        {
            Ledger.Reserve(reserve, budget: null, Rules.BudgetPeriod);
            _active++;
            return new RequestLease(this, reserve, _time.GetTimestamp());
        }
    }

    internal bool Leave(RequestLease lease, long used)
    {
        lock (_gate)
        {
            _active--;
            double seconds = _time.GetElapsedTime(lease.Start).TotalSeconds;
            _secondsMean += DurationWeight * (seconds - _secondsMean);
        }

        return Ledger.Settle(lease.Reserved, used);
    }

    private TokenBucket? Bucket(TenantRules rules) =>
        rules.RequestsPerMinute is { } perMinute ? new TokenBucket(perMinute, rules.Burst, _time) : null;
}

/// <summary>One admitted request: its place and its reservation, given back exactly once.</summary>
internal sealed class RequestLease(Tenant tenant, long reserved, long start) : IDisposable
{
    private int _over;

    internal Tenant Tenant => tenant;

    internal long Reserved => reserved;

    internal long Start => start;

    /// <summary>Charges what was used and frees the rest; later calls do nothing. False when more was used than
    /// reserved.</summary>
    internal bool Settle(long used) => Interlocked.Exchange(ref _over, 1) != 0 || tenant.Leave(this, used);

    /// <summary>Frees everything, unless it was settled: a request that computed nothing costs nothing.</summary>
    public void Dispose() => Settle(0);
}
