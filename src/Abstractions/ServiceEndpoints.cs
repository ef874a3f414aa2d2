namespace PixSearch.Abstractions;

/// <summary>
/// Ports and paths that deployments point at; <c>tests/Deploy.Tests</c> holds every manifest against them.
/// </summary>
public static class ServiceEndpoints
{
    /// <summary>HTTP/1.1 and HTTP/2 front door, health and metrics.</summary>
    public const int HttpPort = 8080;

    /// <summary>gRPC front door (HTTP/2 only).</summary>
    public const int GrpcPort = 8081;

    /// <summary>Silo to silo.</summary>
    public const int SiloPort = 11111;

    /// <summary>Orleans clients to silo.</summary>
    public const int SiloGatewayPort = 30000;

    /// <summary>The process runs; calls nobody.</summary>
    public const string LivePath = "/health/live";

    /// <summary>Ready for work: models are loaded, the cluster is joined, not draining.</summary>
    public const string ReadyPath = "/health/ready";

    /// <summary>Stops taking work and moves sessions away; answers when that is done. Loopback and the kubelet
    /// only.</summary>
    public const string DrainPath = "/admin/drain";

    /// <summary>Prometheus text.</summary>
    public const string MetricsPath = "/metrics";
}
