using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;

namespace PixSearch.Grpc.Tests;

/// <summary>Broken and hostile requests: each gets its proper answer, and the server goes on serving.</summary>
[Collection(EchoCollection.Name)]
public sealed class GrpcAbuseTests(EchoServer server) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = server.Address };

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task Frame_FlagOutOfRange_IsInternal() =>
        await AssertAnswerAsync(GrpcStatusCode.Internal, [2, 0, 0, 0, 0]);

    [Fact]
    public async Task Frame_CompressedWithoutEncoding_IsInternal() =>
        await AssertAnswerAsync(GrpcStatusCode.Internal, [1, 0, 0, 0, 0]);

    [Fact]
    public async Task Frame_PromisesFourGigabytes_IsRefusedAtOnce() =>
        await AssertAnswerAsync(GrpcStatusCode.ResourceExhausted, [0, 255, 255, 255, 255]);

    [Fact]
    public async Task Frame_OneByteOverTheLimit_IsRefused()
    {
        byte[] body = new byte[server.Limits.ReceiveBytesMax + 1];
        await AssertAnswerAsync(GrpcStatusCode.ResourceExhausted, Frame(0, body));
    }

    [Fact]
    public async Task Frame_MuchMoreThanPromised_IsRefused() =>
        await AssertAnswerAsync(GrpcStatusCode.Internal, [.. Frame(0, []), .. new byte[100]]);

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    public async Task Frame_CutShort_IsInternal(int bytes) =>
        await AssertAnswerAsync(GrpcStatusCode.Internal, Frame(0, [10, 3, 65, 66, 67])[..bytes]);

    [Fact]
    public async Task Request_WithoutMessage_IsInternal() => await AssertAnswerAsync(GrpcStatusCode.Internal, []);

    [Fact]
    public async Task Request_InvalidProtobuf_IsInternal() =>
        await AssertAnswerAsync(GrpcStatusCode.Internal, Frame(0, [10, 200, 1, 65]));

    [Fact]
    public async Task Request_DeeplyNestedGroups_IsInternal() =>
        await AssertAnswerAsync(GrpcStatusCode.Internal, Frame(0, [.. Enumerable.Repeat((byte)0x4B, 50_000)]));

    [Fact]
    public async Task Request_GzipBomb_IsRefused()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            gzip.Write(new byte[50 * 1024 * 1024]);
        }

        Assert.InRange(packed.Length, 1, server.Limits.ReceiveBytesMax);
        await AssertAnswerAsync(GrpcStatusCode.ResourceExhausted, Frame(1, packed.ToArray()),
            ("grpc-encoding", "gzip"));
    }

    [Fact]
    public async Task Request_BrokenGzip_IsInternal() =>
        await AssertAnswerAsync(GrpcStatusCode.Internal, Frame(1, [1, 2, 3, 4, 5]), ("grpc-encoding", "gzip"));

    [Fact]
    public async Task Request_UnknownEncoding_IsUnimplementedAndNamesOurs()
    {
        HttpResponseMessage response = await AssertAnswerAsync(
            GrpcStatusCode.Unimplemented, Frame(0, []), ("grpc-encoding", "br"));
        Assert.Equal("identity,gzip", response.Headers.GetValues("grpc-accept-encoding").Single());
    }

    [Fact]
    public async Task Request_BadTimeout_IsInvalidArgument() =>
        await AssertAnswerAsync(GrpcStatusCode.InvalidArgument, Frame(0, []), ("grpc-timeout", "soon"));

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/grpc-web")]
    [InlineData("application/grpc+json")]
    public async Task Request_OtherContentType_IsUnsupportedMediaType(string type)
    {
        HttpResponseMessage response = await PostAsync(Frame(0, []), type);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
    }

    [Theory]
    [InlineData("application/grpc+proto")]
    [InlineData("application/grpc;charset=utf-8")]
    public async Task Request_OurContentTypes_AreServed(string type)
    {
        HttpResponseMessage response = await PostAsync(Frame(0, []), type);
        await response.Content.ReadAsByteArrayAsync();
        Assert.Equal("0", response.TrailingHeaders.GetValues("grpc-status").Single());
    }

    [Fact]
    public void Reply_OverTheSendLimit_IsRefused()
    {
        var writer = new System.Buffers.ArrayBufferWriter<byte>();
        GrpcException error = Assert.Throws<GrpcException>(() => GrpcFrames.Write(writer,
            new EchoReply { Text = new string('x', 100) }, peerTakesGzip: false, new GrpcLimits { SendBytesMax = 50 }));
        Assert.Equal(GrpcStatusCode.ResourceExhausted, error.Code);
        Assert.Equal(0, writer.WrittenCount);
    }

    [Fact]
    public async Task RapidReset_ThousandsOfStreams_ServerStaysUp()
    {
        int sent = 0;
        await using (RawHttp2 attacker = await RawHttp2.ConnectAsync(server.Address))
        {
            byte[] headers = RawHttp2.Headers(("content-type", "application/grpc"), ("te", "trailers"),
                (":method", "POST"), (":scheme", "http"), (":path", "/pixsearch.test.Echo/Hang"), (":authority", "x"));
            try
            {
                for (int stream = 1; stream < 10_000; stream += 2)
                {
                    await attacker.SendAsync(type: 1, flags: 4, stream, headers);
                    await attacker.SendAsync(type: 3, flags: 0, stream, [0, 0, 0, 8]);
                    sent++;
                }
            }
            catch (IOException)
            {
                // Kestrel closed the connection with ENHANCE_YOUR_CALM, which is what should happen.
            }
        }

        Assert.InRange(sent, 1, 5_000);
        await AssertAnswerAsync(GrpcStatusCode.Ok, Frame(0, []));
        Assert.Equal(0, server.Hanging);
    }

    [Fact]
    public async Task IdleConnections_TwoHundred_OthersAreServed()
    {
        var idle = new List<RawHttp2>();
        try
        {
            for (int i = 0; i < 200; i++)
            {
                idle.Add(await RawHttp2.ConnectAsync(server.Address));
            }

            await AssertAnswerAsync(GrpcStatusCode.Ok, Frame(0, []));
        }
        finally
        {
            foreach (RawHttp2 one in idle)
            {
                await one.DisposeAsync();
            }
        }
    }

    private static byte[] Frame(byte flag, byte[] body) =>
        [flag, (byte)(body.Length >> 24), (byte)(body.Length >> 16), (byte)(body.Length >> 8), (byte)body.Length,
            .. body];

    private async Task<HttpResponseMessage> PostAsync(
        byte[] body, string type, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/pixsearch.test.Echo/Unary")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body) { Headers = { ContentType = MediaTypeHeaderValue.Parse(type) } },
        };
        foreach ((string name, string value) in headers)
        {
            request.Headers.Add(name, value);
        }

        return await _http.SendAsync(request);
    }

    private async Task<HttpResponseMessage> AssertAnswerAsync(GrpcStatusCode expected, byte[] body,
        params (string Name, string Value)[] headers)
    {
        HttpResponseMessage response = await PostAsync(body, "application/grpc", headers);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        HttpResponseHeaders place = response.Headers.Contains("grpc-status") ? response.Headers
            : response.TrailingHeaders;
        Assert.Equal($"{(int)expected}", place.GetValues("grpc-status").Single());
        return response;
    }
}
