using System.Globalization;
using PixSearch.Abstractions;
using PixSearch.Grains.Storage;
using PixSearch.Tensors;

namespace PixSearch.Silo;

/// <summary>Settings of a process of the cluster, from the environment (<c>PIXSEARCH__NAME</c>).</summary>
public sealed record SiloSettings
{
    /// <summary>Silos with the same id form one cluster.</summary>
    public string ClusterId { get; init; } = "pixsearch";

    /// <summary>Survives redeployments; part of grain identity.</summary>
    public string ServiceId { get; init; } = "pixsearch";

    /// <summary>Connection string of PostgreSQL; required.</summary>
    public required string Postgres { get; init; }

    /// <summary>Folder whose subfolders are models.</summary>
    public string Models { get; init; } = "models";

    /// <summary>Name of the model that answers when a request names none.</summary>
    public string DefaultModel { get; init; } = "pixsearch-nano";

    /// <summary>Folder of the index encoder; empty for text indexes only.</summary>
    public string Encoder { get; init; } = "";

    /// <summary>Folders of indexes, separated by ':', the default first.</summary>
    public string Indexes { get; init; } = "";

    /// <summary>
    /// Where to compute: <c>cpu</c>, or <c>torch:cpu</c>, <c>torch:cuda</c>, <c>torch:cuda:N</c> where the build has
    /// libtorch (PX_LIBTORCH).
    /// </summary>
    public string Backend { get; init; } = "cpu";

    /// <summary>How keys and values of the contexts are held: <c>f32</c>, or <c>bf16</c> in half the memory.</summary>
    public KvType Kv { get; init; } = KvType.F32;

    /// <summary>Address or host name that other silos reach this one at.</summary>
    public string AdvertisedAddress { get; init; } = "127.0.0.1";

    /// <summary>Address that the HTTP and gRPC doors listen on.</summary>
    public string ListenAddress { get; init; } = "0.0.0.0";

    /// <summary>Silo to silo.</summary>
    public int SiloPort { get; init; } = ServiceEndpoints.SiloPort;

    /// <summary>Clients to silo.</summary>
    public int GatewayPort { get; init; } = ServiceEndpoints.SiloGatewayPort;

    /// <summary>Health, metrics and, in a gateway, the HTTP door; 0 for a free one.</summary>
    public int HttpPort { get; init; } = ServiceEndpoints.HttpPort;

    /// <summary>gRPC door of a gateway; 0 for a free one.</summary>
    public int GrpcPort { get; init; } = ServiceEndpoints.GrpcPort;

    /// <summary>
    /// Static membership of one machine instead of the database's: <c>siloPort/gatewayPort</c> of each silo, separated
    /// by ':'. The first keeps the list of members and must outlive the others. Empty: membership in PostgreSQL.
    /// </summary>
    public string LocalSilos { get; init; } = "";

    /// <summary>How long a gateway that was asked to end waits for the streams it serves.</summary>
    public TimeSpan DrainGrace { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>How long sessions and their pictures can be read again after they were asked.</summary>
    public TimeSpan Kept { get; init; } = TimeSpan.FromHours(24);

    /// <summary>
    /// Shortest time between two commits of a silo, and so between two texts that a client is sent: what a token costs
    /// PostgreSQL, Orleans and the gateway is shared by all tokens of that time. Models whose step takes longer are not
    /// slowed.
    /// </summary>
    public TimeSpan CommitInterval { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Tenants file of a gateway; empty for one tenant without key.</summary>
    public string Tenants { get; init; } = "";

    /// <summary>Certificate (PEM) that this process shows to others; empty for connections without TLS.</summary>
    public string TlsCertificate { get; init; } = "";

    /// <summary>Its private key (PEM).</summary>
    public string TlsKey { get; init; } = "";

    /// <summary>The cluster's own authority (PEM): only certificates that it signed are spoken to.</summary>
    public string TlsAuthority { get; init; } = "";

    /// <summary>
    /// A drill: every forward pass is real, but the answer repeats the question, searches included. For load and
    /// failure tests whose answers must not depend on what a model happens to say.
    /// </summary>
    public bool Rehearsal { get; init; }

    /// <summary>Reads the environment.</summary>
    /// <exception cref="PixException">A required setting is missing, or a port is not a number: names the
    /// variable.</exception>
    public static SiloSettings FromEnvironment(Func<string, string?> read)
    {
        var defaults = new SiloSettings { Postgres = "" };
        string Text(string name,
            string fallback) => read($"PIXSEARCH__{name}") is { Length: > 0 } value ? value : fallback;
        return new SiloSettings
        {
            ClusterId = Text("CLUSTERID", defaults.ClusterId),
            ServiceId = Text("SERVICEID", defaults.ServiceId),
            Postgres = read("PIXSEARCH__POSTGRES") is { Length: > 0 } postgres ? postgres : throw new PixException(
                PixErrorKind.InvalidArgument,
                    "PIXSEARCH__POSTGRES is not set: it must hold PostgreSQL's connection string."),
            Models = Text("MODELS", defaults.Models),
            DefaultModel = Text("DEFAULTMODEL", defaults.DefaultModel),
            Encoder = Text("ENCODER", defaults.Encoder),
            Indexes = Text("INDEXES", defaults.Indexes),
            Backend = Text("BACKEND", defaults.Backend),
            Kv = Text("KV", "f32") switch
            {
                "f32" => KvType.F32,
                "bf16" => KvType.BF16,
                string text => throw new PixException(PixErrorKind.InvalidArgument,
                    $"PIXSEARCH__KV is '{text}'; it must be f32 or bf16."),
            },
            AdvertisedAddress = Text("ADVERTISEDADDRESS", defaults.AdvertisedAddress),
            ListenAddress = Text("LISTENADDRESS", defaults.ListenAddress),
            SiloPort = Port(read, "SILOPORT", defaults.SiloPort),
            GatewayPort = Port(read, "GATEWAYPORT", defaults.GatewayPort),
            HttpPort = Port(read, "HTTPPORT", defaults.HttpPort),
            GrpcPort = Port(read, "GRPCPORT", defaults.GrpcPort),
            LocalSilos = Text("LOCALSILOS", defaults.LocalSilos),
            DrainGrace = Seconds(read, "DRAINGRACE", defaults.DrainGrace),
            Kept = Hours(read, "KEEPHOURS", defaults.Kept),
            CommitInterval = TimeSpan.FromMilliseconds(Number(read, "COMMITMS",
                defaults.CommitInterval.TotalMilliseconds, 0, 1000, "milliseconds")),
            Tenants = Text("TENANTS", defaults.Tenants),
            TlsCertificate = Text("TLSCERTIFICATE", defaults.TlsCertificate),
            TlsKey = Text("TLSKEY", defaults.TlsKey),
            TlsAuthority = Text("TLSAUTHORITY", defaults.TlsAuthority),
            Rehearsal = Flag(read, "REHEARSAL"),
        };
    }

    private static bool Flag(Func<string, string?> read, string name) => read($"PIXSEARCH__{name}") switch
    {
        null or "" or "0" or "false" => false,
        "1" or "true" => true,
        { } text => throw new PixException(PixErrorKind.InvalidArgument,
            $"PIXSEARCH__{name} is '{text}'; it must be true or false."),
    };

    private static TimeSpan Seconds(Func<string, string?> read, string name, TimeSpan fallback) =>
        TimeSpan.FromSeconds(Number(read, name, fallback.TotalSeconds, 0, 3600, "seconds"));

    private static TimeSpan Hours(Func<string, string?> read, string name, TimeSpan fallback) =>
        TimeSpan.FromHours(Number(read, name, fallback.TotalHours, SessionRetention.Shortest.TotalHours, 87_600,
            "hours"));

    private static double Number(Func<string, string?> read, string name, double fallback, double min, double max,
        string unit)
    {
        string? text = read($"PIXSEARCH__{name}");
        if (string.IsNullOrEmpty(text))
        {
            return fallback;
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            && value >= min && value <= max
            ? value
            : throw new PixException(PixErrorKind.InvalidArgument, string.Create(CultureInfo.InvariantCulture,
                $"PIXSEARCH__{name} is '{text}'; it must be {unit}, {min}-{max}."));
    }

    private static int Port(Func<string, string?> read, string name, int fallback)
    {
        string? text = read($"PIXSEARCH__{name}");
        if (string.IsNullOrEmpty(text))
        {
            return fallback;
        }

        return ushort.TryParse(text, out ushort port)
            ? port
            : throw new PixException(PixErrorKind.InvalidArgument,
                $"PIXSEARCH__{name} is '{text}'; it must be a port, 0-65535.");
    }
}
