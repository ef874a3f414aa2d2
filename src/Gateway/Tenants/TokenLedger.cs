using System.Globalization;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Tenants;

/// <summary>
/// The token budget of a tenant: the worst case is reserved before anything is computed and settled with what was used,
/// so that
/// <c>spent + reserved &lt;= budget</c> holds at every moment, however many requests run at once. Thread-safe.
/// </summary>
internal sealed class TokenLedger(TimeProvider time)
{
    private readonly Lock _gate = new();
    private BudgetPeriod _period;
    private DateTimeOffset _periodStart;
    private long _spent;
    private long _reserved;

    /// <summary>Tokens used in this period.</summary>
    internal long Spent => Read(() => _spent);

    /// <summary>Tokens set aside for running requests.</summary>
    internal long Reserved => Read(() => _reserved);

    /// <summary>Sets tokens aside; throws <see cref="PixErrorKind.QuotaExceeded"/> when budget does not have
    /// them.</summary>
    internal void Reserve(long tokens, long? budget, BudgetPeriod period)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        lock (_gate)
        {
            Roll(period);
            if (budget is { } limit && tokens > limit - _spent - _reserved)
            {
                throw new PixException(PixErrorKind.QuotaExceeded, string.Create(CultureInfo.InvariantCulture,
                    $"The request may use up to {tokens} tokens; of {limit} a {Word(period)} {_spent} are " +
                    $"spent and {_reserved} reserved (lower max_tokens or search_budget, or wait).")) 
                {
                    RetryAfter = UntilNext(),
                };
            }

            _reserved += tokens;
        }
    }

    /// <summary>Turns a reservation into what was used; the rest is free again.</summary>
    /// <param name="reserved">What was set aside.</param>
    /// <param name="used">What was used.</param>
    /// <returns>False when more was used than reserved: the bound was wrong, which is a defect. It is charged all the
    /// same.</returns>
    internal bool Settle(long reserved, long used)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(used);
        lock (_gate)
        {
            Roll(_period);
            if (reserved > _reserved)
            {
                throw new InvalidOperationException($"{reserved} tokens to settle, but only {_reserved} are reserved.");
            }

            _reserved -= reserved;
            _spent += used;
            return used <= reserved;
        }
    }

    /// <summary>Takes over what an earlier process recorded.</summary>
    internal void Restore(long spent, DateTimeOffset at, BudgetPeriod period)
    {
        lock (_gate)
        {
            Roll(period);
            if (period == BudgetPeriod.Total || at >= _periodStart)
            {
                _spent += spent;
            }
        }
    }

    private void Roll(BudgetPeriod period)
    {
        DateTimeOffset now = time.GetUtcNow();
        DateTimeOffset start = period switch
        {
            BudgetPeriod.Day => new DateTimeOffset(now.Year, now.Month, now.Day, 0, 0, 0, TimeSpan.Zero),
            BudgetPeriod.Month => new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero),
            _ => DateTimeOffset.MinValue,
        };

        // A clock that goes back never gives the budget twice.
        if (start > _periodStart || period != _period)
        {
            _spent = start > _periodStart ? 0 : _spent;
            _periodStart = start;
            _period = period;
        }
    }

    private TimeSpan? UntilNext() => _period switch
    {
        BudgetPeriod.Day => _periodStart.AddDays(1) - time.GetUtcNow(),
        BudgetPeriod.Month => _periodStart.AddMonths(1) - time.GetUtcNow(),
        _ => null,
    };

    private static string Word(BudgetPeriod period) =>
        period == BudgetPeriod.Total ? "lifetime" : period.ToString().ToLowerInvariant();

    private long Read(Func<long> value)
    {
        lock (_gate)
        {
            return value();
        }
    }
}
