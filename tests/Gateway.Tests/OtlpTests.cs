using System.Net;
using System.Net.Http.Json;
using Google.Protobuf;
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
        await using var collector = await OtlpCollector.StartAsync();
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
}
