using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using PixSearch.Abstractions;
using PixSearch.Gateway.Pictures;
using PixSearch.Grpc;

namespace PixSearch.Gateway.Tests;

/// <summary>The closed table of errors, metrics, spans, the OpenAPI document, health and draining, remote
/// pictures.</summary>
public sealed class InfoTests
{
    [Fact]
    public void ErrorMap_EveryKind_HasOneLineAndDistinctCode()
    {
        ErrorMap.Entry[] entries = [.. Enum.GetValues<PixErrorKind>().Select(ErrorMap.Of)];
        Assert.Equal(entries.Length, entries.Select(static one => one.Code).Distinct().Count());
        Assert.All(entries, static one => Assert.InRange(one.Http, 400, 599));
        Assert.All(entries, static one => Assert.NotEqual(GrpcStatusCode.Ok, one.Grpc));
        Assert.Equal((429, GrpcStatusCode.ResourceExhausted),
            (ErrorMap.Of(PixErrorKind.QuotaExceeded).Http, ErrorMap.Of(PixErrorKind.QuotaExceeded).Grpc));
    }

    [Fact]
    public async Task Metrics_AfterRequests_HaveNamesAndNoTenant()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        await gateway.PostJsonAsync("/v1/answers", """{"question": "q"}""");
        await gateway.PostJsonAsync("/v1/answers", """{"question": "fail"}""", HttpStatusCode.GatewayTimeout);
        using HttpResponseMessage response = await new HttpClient()
            .GetAsync(new Uri(gateway.Server.HttpAddress, "metrics"));
        string text = await response.Content.ReadAsStringAsync();
        string[] expected =
        [
            "# TYPE vllm:prompt_tokens_total counter", "vllm:prompt_tokens_total{model_name=\"nano\"} 328",
            "vllm:generation_tokens_total{model_name=\"nano\"} 16",
            "vllm:request_success_total{model_name=\"nano\",finished_reason=\"stop\"} 1",
            "pixsearch_requests_failed_total{model_name=\"nano\",reason=\"deadline_exceeded\"} 1",
            "pixsearch_searches_total{modality=\"region\",partial=\"false\"} 1",
                "pixsearch_masks_total{model_name=\"nano\"} 1",
            "# TYPE vllm:time_to_first_token_seconds histogram",
            "vllm:time_to_first_token_seconds_bucket{model_name=\"nano\",le=\"+Inf\"} 2",
            "vllm:e2e_request_latency_seconds_count{model_name=\"nano\"} 1",
                "pixsearch_time_to_first_mask_seconds_count",
            "# TYPE pixsearch_requests_running gauge",
        ];
        Assert.All(expected, one => Assert.Contains(one, text, StringComparison.Ordinal));
        Assert.DoesNotContain("acme", text, StringComparison.Ordinal);
        Assert.DoesNotContain("s1", text.Split('\n')
            .Where(static line => line.StartsWith("pixsearch", StringComparison.Ordinal)));
        Assert.All(text.Split('\n', StringSplitOptions.RemoveEmptyEntries), static line =>
            Assert.Matches("""^(# (HELP|TYPE) [a-z:_0-9]+ .+|[a-z:_0-9]+(\{([a-z_]+="[^"]*",?)+\})? [-+0-9.eEInf]+)$""",
                line));
    }

    [Fact]
    public async Task Spans_OfASession_CoverSearchAndMask()
    {
        var spans = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "PixSearch.Gateway",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = span =>
            {
                lock (spans)
                {
                    spans.Add(span);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        string marker = $"unique-{Guid.NewGuid():n}";
        gateway.Node.Models = [new ServedModel(marker, 1024, 144, 4, 32)];
        await gateway.PostJsonAsync("/v1/answers", """{"question": "q"}""");
        Activity[] seen;
        lock (spans)
        {
            Activity root = spans.Single(span => span.OperationName == $"chat {marker}");
            Assert.Equal(20 + 144 + 9, root.GetTagItem("gen_ai.usage.input_tokens"));
            Assert.Equal(15, root.GetTagItem("gen_ai.usage.output_tokens"));
            Assert.Equal("s1", root.GetTagItem("gen_ai.conversation.id"));
            seen = [.. spans.Where(span => span.ParentSpanId == root.SpanId)];
        }

        Assert.Equal(["mask", "search region"], seen.Select(static span => span.OperationName).Order());
    }

    [Fact]
    public async Task OpenApi_Paths_AreExactlyTheRoutes()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        JsonElement document = JsonDocument.Parse(await gateway.Http.GetStringAsync("/openapi.json")).RootElement;
        string[] described = [.. document.GetProperty("paths").EnumerateObject().SelectMany(static path =>
            path.Value.EnumerateObject().Select(verb => $"{verb.Name.ToUpperInvariant()} {path.Name}")).Order()];
        string[] mapped = [.. gateway.Server.Routes.OfType<RouteEndpoint>()
            .Where(static route => !route.RoutePattern.RawText!.Contains('.', StringComparison.Ordinal) ||
                route.RoutePattern.RawText == "/openapi.json")
            .Where(static route => route.RoutePattern.RawText != "{service}/{method}")
            .Select(static route =>
                $"{route.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods[0]} {route.RoutePattern.RawText}")
            .Order()];
        Assert.Equal(mapped, described);
        foreach (JsonElement used in References(document))
        {
            string name = used.GetString()!["#/components/schemas/".Length..];
            Assert.True(document.GetProperty("components").GetProperty("schemas").TryGetProperty(name, out _), name);
        }
    }

    [Fact]
    public async Task Drain_RunningSessionFinishes_NewOnesAreRefused()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync(configure: static options =>
            options with { DrainGrace = TimeSpan.FromSeconds(30) });
        using HttpResponseMessage open = await gateway.PostAsync(
            "/v1/answers", """{"question": "hang", "stream": true}""");
        Task<bool> stop = gateway.Server.StopAsync();
        using HttpResponseMessage ready = await gateway.Http.GetAsync("/health/ready");
        using HttpResponseMessage live = await gateway.Http.GetAsync("/health/live");
        using HttpResponseMessage refused = await gateway.PostAsync("/v1/answers", """{"question": "q"}""");
        Assert.Equal((503, 200, 503), ((int)ready.StatusCode, (int)live.StatusCode, (int)refused.StatusCode));
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.False(stop.IsCompleted);
        await gateway.PostJsonAsync("/v1/sessions/s1/cancel", "{}");
        await open.Content.ReadAsStringAsync();
        Assert.True(await stop);
    }

    [Theory]
    [InlineData("8.8.8.8", true)]
    [InlineData("2606:4700::1111", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("10.1.2.3", false)]
    [InlineData("172.31.0.1", false)]
    [InlineData("192.168.1.1", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("100.64.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fd00::1", false)]
    [InlineData("::ffff:10.0.0.1", false)]
    [InlineData("64:ff9b::a00:1", false)]
    [InlineData("2002:a00:1::1", false)]
    [InlineData("2001:db8::1", false)]
    public void PublicAddress_SpecialBlocks_AreNotPublic(string address, bool isPublic) =>
        Assert.Equal(isPublic, PublicAddress.IsPublic(IPAddress.Parse(address)));

    [Theory]
    [InlineData("/good", null)]
    [InlineData("/redirect", "redirects")]
    [InlineData("/large", "bytes")]
    [InlineData("/endless", "bytes")]
    [InlineData("/missing", "404")]
    public async Task RemotePictures_Server_IsHeldToTheLimits(string path, string? refusal)
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        Task serving = ServeOnceAsync(server);
        using var pictures = new RemotePictures(new RemotePictureOptions
        {
            AllowedHosts = ["localhost"],
            AllowHttp = true,
            BytesMax = 1000,
        }, static address => IPAddress.IsLoopback(address));
        string url = $"http://localhost:{((IPEndPoint)server.LocalEndpoint).Port}{path}";
        if (refusal is null)
        {
            Assert.Equal("picture"u8.ToArray(), await pictures.FetchAsync(url, CancellationToken.None));
        }
        else
        {
            PixException error = await Assert.ThrowsAsync<PixException>(() =>
                pictures.FetchAsync(url, CancellationToken.None));
            Assert.Equal(PixErrorKind.InvalidPicture, error.Kind);
            Assert.Contains(refusal, error.Message, StringComparison.Ordinal);
        }

        await serving;
    }

    [Theory]
    [InlineData("http://localhost/a.png", "public address")]
    [InlineData("https://127.0.0.1/a.png", "allow list")]
    [InlineData("http://evil.example/a.png", "allow list")]
    [InlineData("http://localhost.evil.example/a.png", "allow list")]
    [InlineData("ftp://localhost/a.png", "scheme")]
    [InlineData("http://user:pw@localhost/a.png", "plain")]
    [InlineData("nonsense", "plain")]
    public async Task RemotePictures_Url_IsRefused(string url, string refusal)
    {
        using var pictures = new RemotePictures(
            new RemotePictureOptions { AllowedHosts = ["localhost"], AllowHttp = true });
        PixException error = await Assert.ThrowsAsync<PixException>(() =>
            pictures.FetchAsync(url, CancellationToken.None));
        Assert.Contains(refusal, error.Message, StringComparison.Ordinal);
    }

    private static async Task ServeOnceAsync(TcpListener server)
    {
        using TcpClient client = await server.AcceptTcpClientAsync();
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        string path = (await reader.ReadLineAsync())!.Split(' ')[1];
        while (await reader.ReadLineAsync() is { Length: > 0 })
        {
        }

        string answer = path switch
        {
            "/good" => "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npicture",
            "/redirect" => "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            "/large" => "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
            "/endless" => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + new string('x', 5000),
            _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        };
        try
        {
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));
        }
        catch (IOException)
        {
            // The client had enough.
        }
    }

    private static IEnumerable<JsonElement> References(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(static property =>
            property.Name == "$ref" ? [property.Value] : References(property.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(References),
        _ => [],
    };
}
