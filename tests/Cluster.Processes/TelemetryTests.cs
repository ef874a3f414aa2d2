using Google.Protobuf;
using PixSearch.Cluster.Tests;
using PixSearch.Gateway.Tests;
using PixSearch.Gateway.Tests.Otlp;
using Xunit.Abstractions;

namespace PixSearch.Cluster.Processes;

/// <summary>
/// Goal: one question is one trace through every process, Orleans' own spans and metrics among ours. Method: a silo and
/// a gateway of a cluster of their own, with static membership, that export to a collector of the test.
/// </summary>
[Collection(nameof(ClusterCollection))]
public sealed class TelemetryTests(ClusterFixture cluster, ITestOutputHelper output) : IDisposable
{
    [ClusterFact(LiveSilos = true)]
    public async Task OneQuestion_StaticMembership_IsOneTraceThroughAllProcesses()
    {
        await using OtlpCollector collector = await OtlpCollector.StartAsync();
        (int siloPort, int gatewayPort) = (ClusterProcess.FreePort(), ClusterProcess.FreePort());
        var settings = new Dictionary<string, string>
        {
            ["CLUSTERID"] = "telemetry",
            ["LOCALSILOS"] = $"{siloPort}/{gatewayPort}",
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address.ToString(),
        };
        string trace = Convert.ToHexStringLower(Guid.NewGuid().ToByteArray());
        const string Caller = "00f067aa0ba902b7";
        var siloSettings = new Dictionary<string, string>(settings)
        {
            ["SILOPORT"] = $"{siloPort}",
            ["GATEWAYPORT"] = $"{gatewayPort}",
        };
        using (ClusterProcess silo = await cluster.StartAsync("silo", siloSettings))
        using (ClusterProcess gateway = await cluster.StartAsync("gateway", settings))
        using (var client = new ClusterClient(gateway.Grpc!, cluster.Journal))
        {
            Answer answer = await client.AnswerAsync(ClusterClient.Question("trace"), $"00-{trace}-{Caller}-01");
            answer.AssertWhole();

            // Both send what is left when they end.
            foreach (ClusterProcess process in (ClusterProcess[])[gateway, silo])
            {
                process.Terminated();
                await process.ExitedAsync();
                Assert.Equal(0, process.ExitCode);
            }
        }

        Dictionary<string, Span> spans = collector.Spans.Where(span => Hex(span.TraceId) == trace)
            .ToDictionary(span => Hex(span.SpanId));
        foreach (IGrouping<string, Span> one in spans.Values.GroupBy(span => span.Name))
        {
            output.WriteLine($"{one.Count()} {collector.SourceOf(one.First())} {one.Key}");
        }

        Span engine = Assert.Single(spans.Values, span => span.Name == "engine");
        Span[] above = [.. Above(engine, spans)];
        Assert.Equal(Caller, Hex(above[^1].ParentSpanId));
        Assert.Contains(above, span => span.Name == "chat tiny");
        Assert.Contains(above, span => collector.SourceOf(span) == "Microsoft.Orleans.Application");

        // Tokens are no spans.
        Assert.InRange(spans.Count, above.Length + 1, 60);
        Assert.Contains(collector.Metrics, name => name.StartsWith("orleans-", StringComparison.Ordinal));
        Assert.Contains("vllm.time_to_first_token", collector.Metrics);
    }

    public void Dispose() => cluster.Journal.MoveTo(output);

    /// <summary>The spans that a span hangs under, the nearest first.</summary>
    private static IEnumerable<Span> Above(Span span, Dictionary<string, Span> spans)
    {
        while (spans.TryGetValue(Hex(span.ParentSpanId), out Span? parent))
        {
            yield return parent;
            span = parent;
        }
    }

    private static string Hex(ByteString bytes) => Convert.ToHexStringLower(bytes.Span);
}
