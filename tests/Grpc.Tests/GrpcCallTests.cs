using Google.Protobuf;
using PixSearch.Grpc.Rpc;

namespace PixSearch.Grpc.Tests;

/// <summary>Our client against our server over real sockets: all kinds of calls, statuses, metadata, deadlines,
/// cancellation.</summary>
[Collection(EchoCollection.Name)]
public sealed class GrpcCallTests(EchoServer server) : IDisposable
{
    private const string Echo = "/pixsearch.test.Echo/";

    private readonly GrpcChannel _channel = server.Channel();

    public void Dispose() => _channel.Dispose();

    [Fact]
    public async Task Unary_Message_ComesBack()
    {
        EchoReply reply = await UnaryAsync("Unary", new EchoRequest { Text = "hello ✓" });
        Assert.Equal("hello ✓", reply.Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Unary_LargeMessage_ComesBackWithAndWithoutGzip(bool gzip)
    {
        ByteString blob = ByteString.CopyFrom([.. Enumerable.Range(0, 200_000).Select(static i => (byte)(i * 7 / 3))]);
        EchoReply reply = await UnaryAsync("Unary", new EchoRequest { Blob = blob },
            new GrpcCallOptions { Gzip = gzip });
        Assert.Equal(blob, reply.Blob);
    }

    [Fact]
    public async Task ServerStream_ManyMessages_ArriveInOrder()
    {
        var request = new EchoRequest { Text = "x", Count = 500 };
        var seen = new List<int>();
        await foreach (EchoReply reply in _channel.ServerStreamAsync<EchoRequest, EchoReply>(Echo + "Repeat", request))
        {
            seen.Add(reply.Index);
        }

        Assert.Equal(Enumerable.Range(0, 500), seen);
    }

    [Fact]
    public async Task ClientStream_ManyMessages_AreJoined()
    {
        await using GrpcCall<EchoRequest, EchoReply> call = _channel.Open<EchoRequest, EchoReply>(Echo + "Join");
        foreach (string text in (string[])["a", "b", "c"])
        {
            await call.SendAsync(new EchoRequest { Text = text });
        }

        call.CompleteSending();
        EchoReply reply = Assert.Single(await ReadAllAsync(call));
        Assert.Equal("a,b,c", reply.Text);
    }

    [Fact]
    public async Task Duplex_PingPong_InterleavesBothDirections()
    {
        await using GrpcCall<EchoRequest, EchoReply> call = _channel.Open<EchoRequest, EchoReply>(Echo + "Chat");
        await using IAsyncEnumerator<EchoReply> replies = call.ReadAllAsync().GetAsyncEnumerator();
        for (int i = 0; i < 20; i++)
        {
            await call.SendAsync(new EchoRequest { Text = $"{i}" });
            Assert.True(await replies.MoveNextAsync());
            Assert.Equal($"{i}", replies.Current.Text);
        }

        call.CompleteSending();
        Assert.False(await replies.MoveNextAsync());
    }

    [Theory]
    [InlineData("x")]
    [InlineData("headers-first")]
    public async Task Metadata_TextAndBytes_TravelBothWays(string text)
    {
        byte[] bytes = [0, 255, 10, 13];
        var options = new GrpcCallOptions { Headers =
            new GrpcMetadata { { "echo-a", "one two" }, { "echo-b-bin", bytes } } };
        await using GrpcCall<EchoRequest, EchoReply> call = _channel.Open<EchoRequest,
            EchoReply>(Echo + "Unary", options);
        await call.SendAsync(new EchoRequest { Text = text });
        call.CompleteSending();
        Assert.Single(await ReadAllAsync(call));
        Assert.Equal(bytes, call.ResponseTrailers.GetBytes("trailer-echo-b-bin")!.Value.ToArray());
        Assert.Equal("one two", call.ResponseTrailers.GetText("trailer-echo-a"));
        Assert.Equal("one two", call.ResponseHeaders.GetText("echo-a"));
    }

    [Theory]
    [InlineData(GrpcStatusCode.InvalidArgument, "bad: 100% of \"it\"\nline ✓")]
    [InlineData(GrpcStatusCode.Unauthenticated, "who")]
    [InlineData(GrpcStatusCode.ResourceExhausted, "")]
    public async Task Fail_StatusMessageDetailsTrailers_Arrive(GrpcStatusCode code, string message)
    {
        GrpcException error = await FailsAsync("Fail", new EchoRequest { Count = (int)code, Text = message });
        Assert.Equal(code, error.Code);
        Assert.Equal(message, error.Message);
        Assert.Equal(7, error.Detail<RetryInfo>()!.RetryDelay.Seconds);
        Assert.Null(error.Detail<ErrorInfo>());
        Assert.Equal("test", error.Trailers.GetText("why"));
    }

    [Fact]
    public async Task FailLate_AfterMessages_StatusComesInTrailers()
    {
        await using GrpcCall<EchoRequest, EchoReply> call = _channel.Open<EchoRequest, EchoReply>(Echo + "FailLate");
        await call.SendAsync(new EchoRequest { Count = 3 });
        call.CompleteSending();
        int count = 0;
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(async () =>
        {
            await foreach (EchoReply _ in call.ReadAllAsync())
            {
                count++;
            }
        });
        Assert.Equal((3, GrpcStatusCode.NotFound, "late"), (count, error.Code, error.Message));
    }

    [Fact]
    public async Task Crash_UnexpectedException_LeaksNothing()
    {
        GrpcException error = await FailsAsync("Crash", new EchoRequest());
        Assert.Equal(GrpcStatusCode.Internal, error.Code);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Crash_MappedException_HasItsStatus()
    {
        GrpcException error = await FailsAsync("Crash", new EchoRequest { Text = "mapped" });
        Assert.Equal((GrpcStatusCode.OutOfRange, "mapped"), (error.Code, error.Message));
    }

    [Theory]
    [InlineData("/pixsearch.test.Echo/Missing")]
    [InlineData("/no.such.Service/Unary")]
    public async Task UnknownMethod_AnyService_IsUnimplemented(string method)
    {
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(() =>
            _channel.UnaryAsync<EchoRequest, EchoReply>(method, new EchoRequest()));
        Assert.Equal(GrpcStatusCode.Unimplemented, error.Code);
    }

    [Fact]
    public async Task Deadline_HandlerThatHangs_EndsOnBothSides()
    {
        var options = new GrpcCallOptions { Timeout = TimeSpan.FromMilliseconds(150) };
        await using GrpcCall<EchoRequest, EchoReply> call = _channel.Open<EchoRequest,
            EchoReply>(Echo + "Hang", options);
        await call.SendAsync(new EchoRequest());
        call.CompleteSending();
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(() => ReadAllAsync(call));
        Assert.Equal(GrpcStatusCode.DeadlineExceeded, error.Code);
        Assert.True(await server.HangEnded.WaitAsync(TimeSpan.FromSeconds(5)));
    }

    [Fact]
    public async Task Cancel_HandlerThatHangs_IsReleased()
    {
        using var stop = new CancellationTokenSource();
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(async () =>
        {
            await foreach (EchoReply _ in _channel.ServerStreamAsync<EchoRequest, EchoReply>(
                Echo + "Hang", new EchoRequest(), cancellation: stop.Token))
            {
                await stop.CancelAsync();
            }
        });
        Assert.Equal(GrpcStatusCode.Cancelled, error.Code);
        Assert.True(await server.HangEnded.WaitAsync(TimeSpan.FromSeconds(5)));
    }

    [Fact]
    public async Task Cancel_HundredsOfStreams_AllAreReleased()
    {
        const int Streams = 300;
        using var stop = new CancellationTokenSource();
        using var started = new SemaphoreSlim(0);
        Task[] calls = [.. Enumerable.Range(0, Streams).Select(async _ =>
        {
            await Assert.ThrowsAsync<GrpcException>(async () =>
            {
                await foreach (EchoReply reply in _channel.ServerStreamAsync<EchoRequest, EchoReply>(
                    Echo + "Hang", new EchoRequest(), cancellation: stop.Token))
                {
                    started.Release();
                }
            });
        })];
        for (int i = 0; i < Streams; i++)
        {
            Assert.True(await started.WaitAsync(TimeSpan.FromSeconds(20)));
        }

        await stop.CancelAsync();
        await Task.WhenAll(calls);

        // Other tests of the shared server may have left permits: what counts is that nobody hangs in the end.
        while (server.Hanging > 0)
        {
            Assert.True(await server.HangEnded.WaitAsync(TimeSpan.FromSeconds(20)), $"{server.Hanging} still hang");
        }
    }

    [Fact]
    public async Task Unreachable_NoServer_IsUnavailable()
    {
        using var channel = new GrpcChannel(new Uri("http://127.0.0.1:1"));
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(() =>
            channel.UnaryAsync<EchoRequest, EchoReply>(Echo + "Unary", new EchoRequest()));
        Assert.Equal(GrpcStatusCode.Unavailable, error.Code);
    }

    private static async Task<List<EchoReply>> ReadAllAsync(GrpcCall<EchoRequest, EchoReply> call)
    {
        var replies = new List<EchoReply>();
        await foreach (EchoReply reply in call.ReadAllAsync())
        {
            replies.Add(reply);
        }

        return replies;
    }

    private Task<EchoReply> UnaryAsync(string method, EchoRequest request, GrpcCallOptions? options = null) =>
        _channel.UnaryAsync<EchoRequest, EchoReply>(Echo + method, request, options);

    private Task<GrpcException> FailsAsync(string method, EchoRequest request) =>
        Assert.ThrowsAsync<GrpcException>(() => UnaryAsync(method, request));
}
