using System.Security.Cryptography.X509Certificates;
using PixSearch.Gateway.Pictures;

namespace PixSearch.Gateway;

/// <summary>How the front doors listen and what they take.</summary>
public sealed record GatewayOptions
{
    /// <summary>Address to listen on. The default serves this machine only.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Port of HTTP/1.1 and, with TLS, HTTP/2; 0 = a free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>Port of gRPC (HTTP/2, also without TLS); 0 = a free one.</summary>
    public int GrpcPort { get; init; } = 8081;

    /// <summary>Certificate with its key; null = no TLS.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>The tenants file; null = one tenant without limits and without key.</summary>
    public string? TenantsFile { get; init; }

    /// <summary>Where budgets are kept over restarts; null = in memory only.</summary>
    public string? LedgerFile { get; init; }

    /// <summary>Folder of the console's files; null = no console.</summary>
    public string? ConsoleFolder { get; init; }

    /// <summary>How long running requests may go on after SIGTERM.</summary>
    public TimeSpan DrainGrace { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>Pictures by URL; null = not allowed.</summary>
    public RemotePictureOptions? RemotePictures { get; init; }

    /// <summary>Bounds of requests.</summary>
    public GatewayLimits Limits { get; init; } = new();

    /// <summary>Clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>Bounds of requests. Every one of them answers with its name, its value and the limit.</summary>
public sealed record GatewayLimits
{
    /// <summary>Largest encoded picture in bytes.</summary>
    public int PictureBytesMax { get; init; } = 12 * 1024 * 1024;

    /// <summary>Longest question in characters.</summary>
    public int QuestionCharactersMax { get; init; } = 8192;

    /// <summary>Most answer tokens that may be asked for.</summary>
    public int MaxTokensMax { get; init; } = 8192;

    /// <summary>Requests that may run at once; more are answered with "overloaded".</summary>
    public int ConcurrentRequestsMax { get; init; } = 4096;

    /// <summary>Open connections.</summary>
    public int ConnectionsMax { get; init; } = 10_000;

    /// <summary>Streams of one HTTP/2 connection.</summary>
    public int StreamsPerConnectionMax { get; init; } = 256;

    /// <summary>How long a client may take for its request headers.</summary>
    public TimeSpan HeadersTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Silence on a stream after which a comment is sent, so that proxies keep it open.</summary>
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Largest request in bytes: a picture in base64, and room for the rest.</summary>
    public long BodyBytesMax => (PictureBytesMax * 4L / 3) + (256 * 1024);
}
