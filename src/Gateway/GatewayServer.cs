using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;
using PixSearch.Gateway.Http;
using PixSearch.Gateway.Pictures;
using PixSearch.Gateway.Rpc;
using PixSearch.Gateway.Telemetry;
using PixSearch.Gateway.Tenants;
using PixSearch.Grpc;

namespace PixSearch.Gateway;

/// <summary>
/// Both front doors over the ports of a node. Use: create, <see cref="StartAsync"/>, and at the end
/// <see cref="StopAsync"/>, which drains.
/// The caller owns the services behind the ports and disposes them afterwards.
/// </summary>
public sealed class GatewayServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly GatewayOptions _options;
    private readonly AskPipeline _pipeline;
    private readonly DrainState _drain = new();
    private readonly HealthService _health = new();
    private readonly TenantDirectory _tenants;
    private readonly LedgerJournal _journal;
    private readonly GatewayMetrics _metrics;
    private readonly PrometheusWriter _prometheus;
    private readonly RemotePictures? _remotePictures;
    private readonly ILogger _logger;

    /// <summary>Loads the tenants and builds everything; nothing listens yet.</summary>
    public GatewayServer(GatewayOptions options, GatewayServices services, Action<ILoggingBuilder>? logging = null)
    {
        _options = options;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(Configure);

        // The log exporter reads its settings from here, and an empty builder knows no environment.
        builder.Configuration.AddInMemoryCollection(OtlpExport.Variables());
        builder.Services.AddRoutingCore().AddLogging(logging ?? (static _ => { }));
        builder.Services.Configure<HostOptions>(static host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        _app = builder.Build();
        _logger = _app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("PixSearch.Gateway");
        _tenants = new TenantDirectory(options.TenantsFile, services.Catalog, options.Time, _logger);
        _journal = new LedgerJournal(options.LedgerFile, options.Time);
        _metrics = new GatewayMetrics(() => _drain.Running);
        _prometheus = new PrometheusWriter(_metrics);
        _remotePictures = options.RemotePictures is { } remote ? new RemotePictures(remote) : null;
        _pipeline = new AskPipeline(services.Answers, services.Catalog, _tenants, options, _drain, _journal, _metrics,
            _remotePictures,
            _logger);
        Map(services);
    }

    /// <summary>Where HTTP listens; known after the start.</summary>
    public Uri HttpAddress { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>Where gRPC listens; known after the start.</summary>
    public Uri GrpcAddress { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>Fires when the process is asked to end.</summary>
    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    internal DrainState Drain => _drain;

    internal TenantDirectory Tenants => _tenants;

    /// <summary>All routes, for the test of the OpenAPI document.</summary>
    internal IEnumerable<Endpoint> Routes =>
        ((IEndpointRouteBuilder)_app).DataSources.SelectMany(static one => one.Endpoints);

    /// <summary>Settles what an earlier process left, then listens.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await _pipeline.RecoverAsync(cancellation);
        await _app.StartAsync(cancellation);
        string[] addresses =
            [.. _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses];
        (HttpAddress, GrpcAddress) = (new Uri(addresses[0]), new Uri(addresses[1]));
    }

    /// <summary>
    /// Drains and stops: not ready, no new requests, running ones finish within the grace period, the rest is handed
    /// over. True when nothing had to be handed over.
    /// </summary>
    public async Task<bool> StopAsync()
    {
        _health.SetAll(serving: false);
        GatewayLog.Draining(_logger, _drain.Running, _options.DrainGrace.TotalSeconds);
        bool all = await _drain.DrainAsync(_options.DrainGrace, _options.Time);
        if (!all)
        {
            GatewayLog.HandingOver(_logger, _drain.Running);
        }

        await _app.StopAsync(CancellationToken.None);
        return all;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _tenants.Dispose();
        _journal.Dispose();
        _prometheus.Dispose();
        _metrics.Dispose();
        _remotePictures?.Dispose();
        _drain.Dispose();
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        GatewayLimits limits = _options.Limits;
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = limits.ConnectionsMax;
        kestrel.Limits.MaxRequestBodySize = limits.BodyBytesMax;
        kestrel.Limits.RequestHeadersTimeout = limits.HeadersTimeout;
        kestrel.Limits.Http2.MaxStreamsPerConnection = limits.StreamsPerConnectionMax;
        kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
        IPAddress host = _options.Host is "localhost" ? IPAddress.Loopback : IPAddress.Parse(_options.Host);
        kestrel.Listen(host, _options.Port, listen =>
        {
            // Without TLS there is nothing to negotiate by: HTTP/2 needs its own port.
            listen.Protocols = _options.Certificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
            UseTls(listen);
        });
        kestrel.Listen(host, _options.GrpcPort, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            UseTls(listen);
        });
    }

    private void UseTls(ListenOptions listen)
    {
        if (_options.Certificate is { } certificate)
        {
            listen.UseHttps(certificate);
        }
    }

    private void Map(GatewayServices services)
    {
        var operations = new OperationPipeline(_pipeline, services.Segmenter, services.Indexes);
        GrpcService[] grpc =
            [new AnswerRpc(_pipeline, operations).Build(), new IndexRpc(_pipeline, operations).Build(),
                _health.Build()];
        foreach (GrpcService service in grpc)
        {
            _health.Set(service.Descriptor.FullName, serving: true);
        }

        UseConsole();
        _app.UseRouting();
        var chat = new ChatEndpoint(_pipeline);
        var answers = new AnswerEndpoint(_pipeline);
        var segment = new SegmentEndpoint(_pipeline, operations);
        var index = new IndexEndpoint(_pipeline, operations);
        var info = new InfoEndpoint(_pipeline, services, _prometheus,
            _options.Time.GetUtcNow().ToUnixTimeSeconds());
        Post("/v1/chat/completions", chat.HandleAsync);
        Post("/v1/answers", answers.AskAsync);
        Get("/v1/sessions/{id}/events", answers.ResumeAsync);
        Post("/v1/sessions/{id}/cancel", answers.CancelAsync);
        Post("/v1/segment", segment.HandleAsync);
        Post("/v1/indexes/{name}/documents", index.IngestAsync);
        Post("/v1/indexes/{name}/search", index.SearchAsync);
        Get("/v1/models", info.ModelsAsync);
        Get("/v1/models/{id}", info.ModelAsync);
        Get("/health/live", InfoEndpoint.LiveAsync);
        Get("/health/ready", info.ReadyAsync);
        Get("/metrics", info.MetricsAsync);
        Get("/openapi.json", InfoEndpoint.OpenApiAsync);
        var rpcOptions = new GrpcServerOptions
        {
            Limits = new GrpcLimits { ReceiveBytesMax = _options.Limits.PictureBytesMax + (64 * 1024) },
            Time = _options.Time,
            MapException = static error => error is PixException known ? ErrorMap.ToGrpc(known) : null,
        };
        _app.MapGrpc(rpcOptions, [.. grpc, .. ReflectionServices.Build(grpc)]);
    }

    private void UseConsole()
    {
        if (_options.ConsoleFolder is { } folder)
        {
            var files = new PhysicalFileProvider(Path.GetFullPath(folder));
            _app.UseDefaultFiles(new DefaultFilesOptions { FileProvider = files });
            _app.UseStaticFiles(new StaticFileOptions { FileProvider = files });
        }
    }

    private void Get(string path, Func<HttpContext, Task> endpoint) =>
        _app.MapGet(path, HttpErrors.Guard(_logger, endpoint));

    private void Post(string path, Func<HttpContext, Task> endpoint) =>
        _app.MapPost(path, HttpErrors.Guard(_logger, endpoint));
}

/// <summary>The ports that the gateway stands in front of.</summary>
/// <param name="Answers">Sessions.</param>
/// <param name="Catalog">What is served.</param>
/// <param name="Segmenter">Masks without a session; null = not offered.</param>
/// <param name="Indexes">Filling and asking indexes; null = not offered.</param>
public sealed record GatewayServices(IAnswerService Answers, INodeCatalog Catalog, ISegmentService? Segmenter,
    IIndexService? Indexes)
{
    /// <summary>Runs before metrics are written, for values that have to be fetched.</summary>
    public Func<CancellationToken, Task> OnScrape { get; init; } = static _ => Task.CompletedTask;
}
