using System.Net;
using System.Net.Http.Json;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using PixSearch.Gateway.Telemetry;
using PixSearch.Gateway.Tests.Otlp;

namespace PixSearch.Gateway.Tests;

/// <summary>
/// OTLP as OpenTelemetry's own exporter sends it, read by a collector of the test: spans with their parents, metrics,
/// logs.
/// </summary>
public sealed class OtlpTests
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    [Fact]
    public async Task Export_OneQuestion_SendsSpansOfEveryHopMetricsAndLogs()
    {
        await using var collector = await Collector.StartAsync();
        string trace = Convert.ToHexStringLower(Guid.NewGuid().ToByteArray());
        const string Caller = "00f067aa0ba902b7";
        Environment.SetEnvironmentVariable(Endpoint, collector.Address.ToString());
        OtlpExport export;
        try
        {
            export = OtlpExport.FromEnvironment();
            await using GatewayFixture gateway = await GatewayFixture.StartAsync(logging: export.AddTo);
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/answers")
            {
                Content = JsonContent.Create(
                    new { question = "q", picture = Convert.ToBase64String(ScriptedNode.Png) }),
            };
            request.Headers.Add("traceparent", $"00-{trace}-{Caller}-01");
            using HttpResponseMessage response = await gateway.Http.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Endpoint, null);
        }

        // Disposing sends what is left.
        export.Dispose();
        Span[] spans = [.. collector.Spans.Where(span => Hex(span.TraceId) == trace)];
        Span http = Assert.Single(spans, span => Hex(span.ParentSpanId) == Caller);
        Span chat = Assert.Single(spans, span => span.Name == "chat nano");
        Assert.Equal(http.SpanId, chat.ParentSpanId);
        Span search = Assert.Single(spans, span => span.Name.StartsWith("search ", StringComparison.Ordinal));
        Span mask = Assert.Single(spans, span => span.Name == "mask");
        Assert.Equal((chat.SpanId, chat.SpanId), (search.ParentSpanId, mask.ParentSpanId));
        Assert.Equal(["chat", "pixsearch", "nano"], [Text(chat, "gen_ai.operation.name"),
            Text(chat, "gen_ai.provider.name"), Text(chat, "gen_ai.request.model")]);
        Assert.NotEmpty(Text(chat, "gen_ai.conversation.id"));
        Assert.Contains(chat.Attributes, one => one.Key == "gen_ai.usage.output_tokens" && one.Value.IntValue > 0);
        Assert.Equal("search", Text(search, "gen_ai.tool.name"));
        Assert.All(spans, span => Assert.True(span.EndTimeUnixNano >= span.StartTimeUnixNano));
        Assert.Contains("pixsearch", collector.Services);
        Assert.Contains(collector.Logs, static text => text.StartsWith("Draining", StringComparison.Ordinal));
        Assert.Contains("vllm.time_to_first_token", collector.Metrics);
        Assert.Contains("pixsearch.search_turn", collector.Metrics);
        string everything = string.Join('\n', collector.Spans.Select(static span => span.ToString()));
        Assert.DoesNotContain("acme", everything, StringComparison.Ordinal);
    }

    private static string Text(Span span, string key) =>
        span.Attributes.First(one => one.Key == key).Value.StringValue;

    private static string Hex(ByteString bytes) => Convert.ToHexStringLower(bytes.Span);

    /// <summary>The three services of an OTLP collector over gRPC, as raw frames: what came is kept.</summary>
    private sealed class Collector : IAsyncDisposable
    {
        private readonly HashSet<string> _logs = [];
        private readonly Lock _gate = new();
        private readonly WebApplication _app;
        private readonly List<Span> _spans = [];
        private readonly HashSet<string> _metrics = [];
        private readonly HashSet<string> _services = [];

        private Collector(WebApplication app) => _app = app;

        public Uri Address { get; private set; } = new("http://127.0.0.1:0");

        public IReadOnlyList<Span> Spans => Locked(() => _spans.ToArray());

        public IReadOnlyCollection<string> Metrics => Locked(() => _metrics.ToArray());

        public IReadOnlyCollection<string> Logs => Locked(() => _logs.ToArray());

        public IReadOnlyCollection<string> Services => Locked(() => _services.ToArray());

        public static async Task<Collector> StartAsync()
        {
            WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
            builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel =>
                kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http2));
            builder.Services.AddRoutingCore().AddLogging();
            var collector = new Collector(builder.Build());
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
}
