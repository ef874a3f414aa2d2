using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using PixSearch.Abstractions;
using PixSearch.Gateway.Tenants;
using PixSearch.Grpc;
using PixSearch.Grpc.Tests;
using PixSearch.Imaging;

namespace PixSearch.Gateway.Tests;

/// <summary>
/// T5, T9 and T10 of the serving reference, against the running server: whatever comes in, it gets a typed answer,
/// everything is released, and the next request is served.
/// </summary>
public sealed class AbuseTests
{
    [Fact]
    public async Task Cancelled_HundredsOfStreamsOnBothDoors_EverythingIsBackWithinASecond()
    {
        const int Streams = 200;
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        using var stop = new CancellationTokenSource();
        using var started = new SemaphoreSlim(0);
        Task[] readers =
        [
            .. Enumerable.Range(0, Streams / 2).Select(_ => ReadHttpAsync(gateway, started, stop.Token)),
            .. Enumerable.Range(0, Streams / 2).Select(_ => ReadRpcAsync(gateway, started, stop.Token)),
        ];
        for (int i = 0; i < Streams; i++)
        {
            Assert.True(await started.WaitAsync(TimeSpan.FromSeconds(30)));
        }

        Assert.Equal(Streams, gateway.Node.Running);
        await stop.CancelAsync();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Streams; i++)
        {
            Assert.True(await gateway.Node.Ended.WaitAsync(TimeSpan.FromSeconds(30)));
        }

        // The promise is one second on an idle machine; ten keep the test honest on a busy one.
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 10);
        await Task.WhenAll(readers);
        Assert.True(await gateway.Server.StopAsync());
        Tenant tenant = gateway.Server.Tenants.Find("acme")!;
        Assert.Equal((0, 0, 0, 0L), (gateway.Node.Running, gateway.Server.Drain.Running, tenant.Active,
            tenant.Ledger.Reserved));
        Assert.Equal(gateway.Node.Tokens, tenant.Ledger.Spent);
    }

    [Fact]
    public async Task IdleConnections_TwoHundredOnEachDoor_OthersAreServed()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        var idle = new List<TcpClient>();
        for (int i = 0; i < 400; i++)
        {
            Uri address = i % 2 == 0 ? gateway.Server.HttpAddress : gateway.Server.GrpcAddress;
            var client = new TcpClient();
            await client.ConnectAsync(address.Host, address.Port);
            idle.Add(client);
        }

        await AssertServesAsync(gateway);
        idle.ForEach(static client => client.Dispose());
    }

    [Fact]
    public async Task SlowHeaders_ConnectionIsClosedAfterTheLimit()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync(configure: static options =>
            options with { Limits = new GatewayLimits { HeadersTimeout = TimeSpan.FromSeconds(1) } });
        using var client = new TcpClient();
        await client.ConnectAsync(gateway.Server.HttpAddress.Host, gateway.Server.HttpAddress.Port);
        await client.GetStream().WriteAsync("POST /v1/answers HTTP/1.1\r\nHost: x\r\nX-A: "u8.ToArray());
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        string answer = await reader.ReadToEndAsync(stop.Token);
        Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 408", StringComparison.Ordinal), answer);
        await AssertServesAsync(gateway);
    }

    [Fact]
    public async Task RapidReset_OfAnswers_LeavesNothingRunning()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        byte[] headers = RawHttp2.Headers((":method", "POST"), (":scheme", "http"),
            (":path", "/pixsearch.v1.PixSearch/Answer"),
            (":authority", "x"), ("content-type", "application/grpc"), ("te", "trailers"),
            ("authorization", $"Bearer {GatewayFixture.Key}"));
        byte[] message = new V1.AnswerRequest { Question = "hang" }.ToByteArray();
        byte[] frame = [0, 0, 0, 0, (byte)message.Length, .. message];
        await using (RawHttp2 attacker = await RawHttp2.ConnectAsync(gateway.Server.GrpcAddress))
        {
            try
            {
                for (int stream = 1; stream < 4_000; stream += 2)
                {
                    await attacker.SendAsync(type: 1, flags: 4, stream, headers);
                    await attacker.SendAsync(type: 0, flags: 1, stream, frame);
                    await attacker.SendAsync(type: 3, flags: 0, stream, [0, 0, 0, 8]);
                }
            }
            catch (IOException)
            {
                // The server ended the connection, which is what should happen.
            }
        }

        await AssertServesAsync(gateway);
        Assert.True(await gateway.Server.StopAsync());
        Assert.Equal((0, 0), (gateway.Node.Running, gateway.Server.Drain.Running));
    }

    [Fact]
    public async Task Json_MutatedAThousandTimes_IsAlwaysAnOpenAiErrorOrAnAnswer()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        byte[] valid = Encoding.UTF8.GetBytes(ChatTests.Chat(
            "q", """ "stop": ["a"], "seed": 5, "pixsearch": {"search_budget": 1} """));
        var random = new SeededRandom(20);
        for (int i = 0; i < 1000; i++)
        {
            byte[] body = [.. valid];
            int changes = 1 + random.NextInt(4);
            for (int change = 0; change < changes; change++)
            {
                body[random.NextInt(body.Length)] = (byte)random.NextInt(256);
            }

            body = random.NextBool(0.2) ? body[..random.NextInt(body.Length)] : body;
            using var content = new ByteArrayContent(
                body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using HttpResponseMessage response = await gateway.Http.PostAsync("/v1/chat/completions", content);
            string text = await response.Content.ReadAsStringAsync();
            bool typed = response.StatusCode == HttpStatusCode.OK
                || text.StartsWith("{\"error\":{\"message\":", StringComparison.Ordinal);
            Assert.True(typed && response.StatusCode != HttpStatusCode.InternalServerError,
                $"change {i} (seed 20): {(int)response.StatusCode} {text}");
        }
    }

    [Fact]
    public async Task Body_DeepOrHuge_IsRefused()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync(configure: static options =>
            options with { Limits = new GatewayLimits { PictureBytesMax = 100_000 } });
        await gateway.PostJsonAsync("/v1/answers", new string('[', 100_000), HttpStatusCode.BadRequest);
        await gateway.PostJsonAsync("/v1/answers", $"{{\"question\": \"{new string('x', 20_000)}\"}}",
            HttpStatusCode.BadRequest);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/answers")
        {
            Content = new StringContent(new string(' ', 2_000_000), Encoding.UTF8, "application/json"),
        };
        request.Headers.ExpectContinue = true;
        using HttpResponseMessage huge = await gateway.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, huge.StatusCode);
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(() =>
            gateway.Channel.UnaryAsync<V1.SegmentRequest, V1.SegmentReply>("/pixsearch.v1.PixSearch/Segment",
                new V1.SegmentRequest { Picture = ByteString.CopyFrom(new byte[400_000]) }, gateway.Call));
        Assert.Equal(GrpcStatusCode.ResourceExhausted, error.Code);
        await AssertServesAsync(gateway);
    }

    [Fact]
    public async Task Pictures_Hostile_AreTypedErrors()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        byte[] good = PictureCodec.EncodePng(new RgbImage(64, 64, new byte[64 * 64 * 3]));
        byte[] bomb = [.. good];

        // The header promises 100,000 x 100,000 pixels.
        (bomb[16], bomb[17], bomb[18], bomb[19]) = (0, 1, 0x86, 0xA0);
        (bomb[20], bomb[21], bomb[22], bomb[23]) = (0, 1, 0x86, 0xA0);
        byte[][] hostile = [bomb, good[..20], "GIF89a"u8.ToArray(), "<svg/>"u8.ToArray(), new byte[50]];
        foreach (byte[] picture in hostile)
        {
            var error = await gateway.PostJsonAsync("/v1/answers",
                $$"""{"question": "q", "picture": "{{Convert.ToBase64String(picture)}}"}""", HttpStatusCode.BadRequest);
            Assert.Equal("invalid_picture", error.GetProperty("error").GetProperty("code").GetString());
        }

        Assert.Empty(gateway.Node.Requests);
        await AssertServesAsync(gateway);
    }

    [Fact]
    public async Task Overload_PastTheLimit_IsAnsweredAtOnceAndCounted()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync(configure: static options =>
            options with { Limits = new GatewayLimits { ConcurrentRequestsMax = 3 } });
        var open = new List<HttpResponseMessage>();
        for (int i = 0; i < 3; i++)
        {
            open.Add(await gateway.PostAsync("/v1/answers", """{"question": "hang", "stream": true}"""));
        }

        using HttpResponseMessage refused = await gateway.PostAsync("/v1/answers", """{"question": "q"}""");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        string metrics = await gateway.Http.GetStringAsync("/metrics");
        Assert.Contains("pixsearch_requests_refused_total{reason=\"overloaded\"} 1", metrics, StringComparison.Ordinal);
        open.ForEach(static one => one.Dispose());
        for (int i = 0; i < 3; i++)
        {
            Assert.True(await gateway.Node.Ended.WaitAsync(TimeSpan.FromSeconds(10)));
        }
    }

    private static async Task ReadHttpAsync(
        GatewayFixture gateway, SemaphoreSlim started, CancellationToken cancellation)
    {
        try
        {
            using HttpResponseMessage response = await gateway.PostAsync(
                "/v1/answers", """{"question": "hang", "stream": true}""",
                cancellation);
            await using Stream stream = await response.Content.ReadAsStreamAsync(cancellation);
            byte[] buffer = new byte[1024];
            Assert.NotEqual(0, await stream.ReadAsync(buffer, cancellation));
            started.Release();
            while (await stream.ReadAsync(buffer, cancellation) > 0)
            {
            }
        }
        catch (OperationCanceledException)
        {
            // What the test is about.
        }
    }

    private static async Task ReadRpcAsync(GatewayFixture gateway, SemaphoreSlim started,
        CancellationToken cancellation)
    {
        await Assert.ThrowsAsync<GrpcException>(async () =>
        {
            await foreach (V1.AnswerEvent _ in gateway.Channel.ServerStreamAsync<V1.AnswerRequest, V1.AnswerEvent>(
                "/pixsearch.v1.PixSearch/Answer", new V1.AnswerRequest { Question = "hang" }, gateway.Call,
                    cancellation))
            {
                started.Release();
            }
        });
    }

    private static async Task AssertServesAsync(GatewayFixture gateway)
    {
        await gateway.PostJsonAsync("/v1/answers", """{"question": "q"}""");
        await foreach (V1.AnswerEvent _ in gateway.Channel.ServerStreamAsync<V1.AnswerRequest, V1.AnswerEvent>(
            "/pixsearch.v1.PixSearch/Answer", new V1.AnswerRequest { Question = "q" }, gateway.Call))
        {
        }
    }
}
