using System.Net;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using PixSearch.Gateway.Tests.Otlp;

namespace PixSearch.Gateway.Tests;

/// <summary>The three services of an OTLP collector over gRPC, as raw frames: what came is kept.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly HashSet<string> _logs = [];
    private readonly Lock _gate = new();
    private readonly WebApplication _app;
    private readonly List<Span> _spans = [];
    private readonly HashSet<string> _metrics = [];
    private readonly HashSet<string> _services = [];
    private readonly Dictionary<ByteString, string> _sources = [];

    private OtlpCollector(WebApplication app) => _app = app;

    public Uri Address { get; private set; } = new("http://127.0.0.1:0");

    public IReadOnlyList<Span> Spans => Locked(() => _spans.ToArray());

    public IReadOnlyCollection<string> Metrics => Locked(() => _metrics.ToArray());

    public IReadOnlyCollection<string> Logs => Locked(() => _logs.ToArray());

    public IReadOnlyCollection<string> Services => Locked(() => _services.ToArray());

    public static async Task<OtlpCollector> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddRoutingCore().AddLogging();
        var collector = new OtlpCollector(builder.Build());
        const string Package = "/opentelemetry.proto.collector.";
        collector._app.UseRouting();
        collector.Map(Package + "trace.v1.TraceService/Export", collector.Traces);
        collector.Map(Package + "metrics.v1.MetricsService/Export", collector.Measurements);
        collector.Map(Package + "logs.v1.LogsService/Export", collector.Records);
        await collector._app.StartAsync();
        collector.Address = new Uri(collector._app.Services.GetRequiredService<IServer>()
            .Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return collector;
    }

    /// <summary>Name of the source that wrote a span.</summary>
    public string SourceOf(Span span) => Locked(() => _sources[span.SpanId]);

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private void Map(string path, Action<byte[]> take) => _app.MapPost(path, async (HttpContext http) =>
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);

        // One uncompressed gRPC frame: flag, length, message.
        byte[] frame = body.ToArray();
        Assert.Equal(0, frame[0]);
        take(frame[5..]);
        http.Response.ContentType = "application/grpc";
        await http.Response.Body.WriteAsync(new byte[5]);
        http.Response.AppendTrailer("grpc-status", "0");
    });

    private void Traces(byte[] message)
    {
        lock (_gate)
        {
            foreach (ResourceSpans one in ExportTraceRequest.Parser.ParseFrom(message).ResourceSpans)
            {
                _spans.AddRange(one.ScopeSpans.SelectMany(static scope => scope.Spans));
                foreach (ScopeSpans scope in one.ScopeSpans)
                {
                    foreach (Span span in scope.Spans)
                    {
                        _sources[span.SpanId] = scope.Scope.Name;
                    }
                }

                _services.UnionWith(one.Resource.Attributes.Where(static pair => pair.Key == "service.name")
                    .Select(static pair => pair.Value.StringValue));
            }
        }
    }

    private void Measurements(byte[] message)
    {
        lock (_gate)
        {
            _metrics.UnionWith(ExportMetricsRequest.Parser.ParseFrom(message).ResourceMetrics
                .SelectMany(static one => one.ScopeMetrics).SelectMany(static one => one.Metrics)
                .Select(static one => one.Name));
        }
    }

    private void Records(byte[] message)
    {
        lock (_gate)
        {
            _logs.UnionWith(ExportLogsRequest.Parser.ParseFrom(message).ResourceLogs
                .SelectMany(static one => one.ScopeLogs).SelectMany(static one => one.LogRecords)
                .Select(static one => one.Body.StringValue));
        }
    }

    private T Locked<T>(Func<T> read)
    {
        lock (_gate)
        {
            return read();
        }
    }
}
