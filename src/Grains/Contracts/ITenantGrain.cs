namespace PixSearch.Grains.Contracts;

/// <summary>
/// A tenant's budget: reserved before work, settled after. Never lets the sum of what is spent and reserved exceed the
/// budget, whatever crashes in between: a reservation that nobody settles stays set aside. Grain key: the account,
/// which is the tenant's name and the budget's period.
/// </summary>
[Alias("pixsearch.ITenantGrain")]
public interface ITenantGrain : IGrainWithStringKey
{
    /// <summary>Sets aside an amount. False: the budget does not hold it. Again with the same id: the same
    /// answer.</summary>
    [Alias("Reserve")]
    Task<bool> ReserveAsync(string reservationId, long amount, long budget);

    /// <summary>Replaces a reservation by what was really used, at most what was reserved. Again with the same id:
    /// nothing.</summary>
    [Alias("Settle")]
    Task SettleAsync(string reservationId, long used);

    /// <summary>What was spent and what is set aside.</summary>
    [Alias("Balance")]
    Task<LedgerBalance> BalanceAsync();
}
