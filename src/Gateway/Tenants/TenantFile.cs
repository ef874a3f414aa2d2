using System.Text.Json;
using System.Text.Json.Serialization;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Tenants;

/// <summary>
/// The tenants file: JSON, every name checked when it is loaded. A property that is not known, a model or an index that
/// the node does not serve, a key that is listed twice: the whole file is refused, since a quota that matches nothing
/// would silently not apply.
/// </summary>
public sealed record TenantFile
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>All tenants; at least one.</summary>
    public IReadOnlyList<TenantRules> Tenants { get; init; } = [];

    /// <summary>Parses and checks; throws <see cref="PixErrorKind.InvalidArgument"/> naming the file, the tenant and
    /// the rule.</summary>
    public static TenantFile Parse(string name, ReadOnlySpan<byte> json, INodeCatalog catalog)
    {
        TenantFile file;
        try
        {
            file = JsonSerializer.Deserialize<TenantFile>(json, s_json) ?? new TenantFile();
        }
        catch (JsonException error)
        {
            throw Refused(name, $"{error.Message}", error);
        }

        if (file.Tenants.Count == 0)
        {
            throw Refused(name, "it lists no tenant");
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        var keys = new HashSet<string>(StringComparer.Ordinal);
        foreach (TenantRules tenant in file.Tenants)
        {
            Check(name, tenant, names, keys, catalog);
        }

        return file;
    }

    private static void Check(string file, TenantRules tenant, HashSet<string> names, HashSet<string> keys,
        INodeCatalog catalog)
    {
        if (tenant.Name is not { Length: > 0 and <= 64 } || !names.Add(tenant.Name))
        {
            throw Refused(file, $"the tenant name '{tenant.Name}' is empty, longer than 64 characters or listed twice");
        }

        string who = $"tenant '{tenant.Name}'";
        foreach (string key in tenant.Keys)
        {
            bool isHash = key.StartsWith("sha256:", StringComparison.Ordinal) && key.Length == 71 &&
                key.AsSpan(7).IndexOfAnyExcept("0123456789abcdef") < 0;
            if (!isHash || !keys.Add(key))
            {
                throw Refused(file, $"{who}: a key is not 'sha256:' and 64 lower-case hex digits, or is listed twice");
            }
        }

        CheckNames(file, who, "model", tenant.Models, [.. catalog.Models.Select(static model => model.Name)]);
        CheckNames(file, who, "index", tenant.Indexes, catalog.Indexes);
        bool inRange = tenant.RequestsPerMinute is null or > 0 and <= 1_000_000 && tenant.Burst
            is null or > 0 and <= 100_000 &&
            tenant.ConcurrentSessions is null or > 0 and <= 100_000 && tenant.TokenBudget is null or >= 0;
        if (!inRange)
        {
            throw Refused(file, $"{who}: a limit is not positive or absurdly large; leave it out for no limit");
        }
    }

    private static void CheckNames(string file, string who, string what, IReadOnlyList<string> listed,
        IReadOnlyList<string> known)
    {
        foreach (string name in listed)
        {
            if (name != TenantRules.Any && !known.Contains(name))
            {
                throw Refused(file, $"{who}: there is no {what} '{name}' (served: {string.Join(", ", known)})");
            }
        }
    }

    private static PixException Refused(string file, string why, Exception? inner = null) =>
        new(PixErrorKind.InvalidArgument, $"The tenants file {file} is refused: {why}.", inner);
}

/// <summary>What a tenant may do.</summary>
public sealed record TenantRules
{
    /// <summary>Stands for every name.</summary>
    public const string Any = "*";

    /// <summary>The tenant's name; never a metric label.</summary>
    public string Name { get; init; } = "";

    /// <summary>SHA-256 digests of its API keys: <c>sha256:</c> and 64 lower-case hex digits.</summary>
    public IReadOnlyList<string> Keys { get; init; } = [];

    /// <summary>Models it may use; <c>*</c> = all.</summary>
    public IReadOnlyList<string> Models { get; init; } = [Any];

    /// <summary>Indexes it may search; <c>*</c> = all.</summary>
    public IReadOnlyList<string> Indexes { get; init; } = [Any];

    /// <summary>Whether it may add documents to those indexes.</summary>
    public bool Ingest { get; init; }

    /// <summary>Whether it may name pictures by URL, where the server allows that at all.</summary>
    public bool RemotePictures { get; init; }

    /// <summary>Requests a minute, all endpoints together; null = no limit.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Requests at once after a pause; null = a tenth of a minute's, at least 1.</summary>
    public int? Burst { get; init; }

    /// <summary>Sessions and other requests that run at once; null = no limit.</summary>
    public int? ConcurrentSessions { get; init; }

    /// <summary>Tokens a period (prompt, image, answer and evidence together); null = no limit.</summary>
    public long? TokenBudget { get; init; }

    /// <summary>When the budget starts again.</summary>
    public BudgetPeriod BudgetPeriod { get; init; } = BudgetPeriod.Day;

    /// <summary>Highest priority that its requests may ask for; they are ordered within the tenant only.</summary>
    public int PriorityMax { get; init; } = 10;

    /// <summary>True when the list holds the name or <c>*</c>.</summary>
    public static bool Allows(IReadOnlyList<string> list, string name)
    {
        foreach (string one in list)
        {
            if (one == Any || one == name)
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>When a token budget starts again (UTC).</summary>
public enum BudgetPeriod
{
    /// <summary>At midnight.</summary>
    Day,

    /// <summary>On the first of the month.</summary>
    Month,

    /// <summary>Never.</summary>
    Total,
}
