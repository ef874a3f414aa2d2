using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Tenants;

/// <summary>
/// Who is who: API keys to tenants, from a file that is watched. A file that becomes wrong while the server runs is
/// refused and logged, and the rules before it stay in force.
/// </summary>
internal sealed class TenantDirectory : IDisposable
{
    /// <summary>The tenant of a server without tenants file.</summary>
    internal const string LocalName = "local";

    private static readonly TimeSpan s_watchPeriod = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly string? _path;
    private readonly INodeCatalog _catalog;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer? _watch;
    private byte[] _content = [];
    private FrozenDictionary<string, Tenant> _byName;
    private FrozenDictionary<string, Tenant> _byKey = FrozenDictionary<string, Tenant>.Empty;

    /// <summary>Loads the file, or throws; null = everybody is the tenant <c>local</c>, which may do
    /// everything.</summary>
    internal TenantDirectory(string? path, INodeCatalog catalog, TimeProvider time, ILogger logger)
    {
        (_path, _catalog, _time, _logger) = (path, catalog, time, logger);
        var local = new Tenant(new TenantRules { Name = LocalName, Ingest = true, RemotePictures = true }, time);
        _byName = new Dictionary<string, Tenant> { [LocalName] = local }.ToFrozenDictionary(StringComparer.Ordinal);
        if (path is not null)
        {
            _byName = FrozenDictionary<string, Tenant>.Empty;
            Load(ReadFile(path));

            // Polled: notifications do not see the symbolic links that Kubernetes swaps when a ConfigMap changes.
            _watch = time.CreateTimer(_ => ReloadIfChanged(), null, s_watchPeriod, s_watchPeriod);
        }
    }

    /// <summary>Number of refused reloads since the start.</summary>
    internal int ReloadsRefused { get; private set; }

    internal IEnumerable<Tenant> All => _byName.Values;

    /// <summary>The tenant of an <c>Authorization</c> value; throws
    /// <see cref="PixErrorKind.Unauthenticated"/>.</summary>
    internal Tenant Authenticate(string? authorization)
    {
        if (_path is null)
        {
            return _byName[LocalName];
        }

        if (authorization is null || !authorization.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            throw new PixException(PixErrorKind.Unauthenticated,
                "There is no API key; send 'Authorization: Bearer KEY'.");
        }

        // The digest is looked up, so timing tells an attacker nothing about a key.
        return _byKey.TryGetValue(HashOf(authorization[7..].Trim()), out Tenant? tenant)
            ? tenant
            : throw new PixException(PixErrorKind.Unauthenticated, "The API key is not known.");
    }

    /// <summary>The tenant with that name; null when the file does not list it any more.</summary>
    internal Tenant? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>What the file holds for a key.</summary>
    internal static string HashOf(string key) =>
        "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    /// <summary>Reads the file again when its content changed. Never throws.</summary>
    internal void ReloadIfChanged()
    {
        try
        {
            byte[] content = ReadFile(_path!);
            if (!content.AsSpan().SequenceEqual(_content))
            {
                Load(content);
                GatewayLog.TenantsReloaded(_logger, _byName.Count);
            }
        }
        catch (PixException error)
        {
            ReloadsRefused++;
            GatewayLog.TenantsRefused(_logger, error.Message);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _watch?.Dispose();

    private static byte[] ReadFile(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"The tenants file {path} cannot be read: {error.Message}", error);
        }
    }

    private void Load(byte[] content)
    {
        lock (_gate)
        {
            // Remembered first: a wrong file is reported once, not at every look.
            _content = content;
            TenantFile file = TenantFile.Parse(Path.GetFileName(_path!), content, _catalog);
            var byName = new Dictionary<string, Tenant>(StringComparer.Ordinal);
            var byKey = new Dictionary<string, Tenant>(StringComparer.Ordinal);
            foreach (TenantRules rules in file.Tenants)
            {
                if (_byName.TryGetValue(rules.Name, out Tenant? tenant))
                {
                    tenant.Apply(rules);
                }
                else
                {
                    tenant = new Tenant(rules, _time);
                }

                byName.Add(rules.Name, tenant);
                foreach (string key in rules.Keys)
                {
                    byKey.Add(key, tenant);
                }
            }

            _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
            _byKey = byKey.ToFrozenDictionary(StringComparer.Ordinal);
        }
    }
}
