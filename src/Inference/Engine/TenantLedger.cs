namespace PixSearch.Inference.Engine;

/// <summary>What each kind of work costs, in units of one prompt row.</summary>
public sealed record CostWeights
{
    /// <summary>A prompt, evidence or picture row.</summary>
    public double PromptRow { get; init; } = 1;

    /// <summary>A decoded token: it occupies a step of its own.</summary>
    public double DecodeRow { get; init; } = 2;

    /// <summary>Encoding a picture.</summary>
    public double ImageEncoding { get; init; } = 200;

    /// <summary>A mask.</summary>
    public double Mask { get; init; } = 40;

    /// <summary>A search.</summary>
    public double Search { get; init; } = 10;
}

/// <summary>
/// Fair sharing by cost (virtual token counter, Sheng et al., OSDI 2024): the tenant that has received least is
/// served next. A tenant that comes back is lifted to the least of the active ones, so that idle time is not saved up.
/// </summary>
public sealed class TenantLedger(int tenantsMax = 4096)
{
    private readonly Dictionary<string, Account> _accounts = [];

    /// <summary>Number of tenants that are remembered.</summary>
    public int Count => _accounts.Count;

    /// <summary>What a tenant has received, in cost units since it was last lifted.</summary>
    public double Received(string tenant) => _accounts.TryGetValue(tenant, out Account? account) ? account.Received : 0;

    /// <summary>Sessions of a tenant in the engine.</summary>
    public int Active(string tenant) => _accounts.TryGetValue(tenant, out Account? account) ? account.Active : 0;

    /// <summary>A session of the tenant came in.</summary>
    public void Enter(string tenant)
    {
        if (!_accounts.TryGetValue(tenant, out Account? account))
        {
            Trim();
            _accounts[tenant] = account = new Account();
        }

        if (account.Active++ == 0)
        {
            double least = double.PositiveInfinity;
            foreach (Account other in _accounts.Values)
            {
                least = other.Active > 0 && other != account ? Math.Min(least, other.Received) : least;
            }

            account.Received = double.IsInfinity(least) ? account.Received : Math.Max(account.Received, least);
        }
    }

    /// <summary>A session of the tenant left.</summary>
    public void Leave(string tenant) => _accounts[tenant].Active--;

    /// <summary>Work was done for the tenant.</summary>
    public void Charge(string tenant, double cost) => _accounts[tenant].Received += cost;

    private void Trim()
    {
        if (_accounts.Count < tenantsMax)
        {
            return;
        }

        string? idle = _accounts.Where(pair => pair.Value.Active == 0).MinBy(pair => pair.Value.Received).Key;
        if (idle is not null)
        {
            _accounts.Remove(idle);
        }
    }

    private sealed class Account
    {
        public double Received { get; set; }

        public int Active { get; set; }
    }
}
