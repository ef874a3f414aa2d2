using System.Net;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using PixSearch.Grpc.Rpc;

namespace PixSearch.Grpc.Tests;

/// <summary>A real Kestrel server on a free port of the loopback address, with the Echo, health and reflection
/// services.</summary>
public sealed class EchoServer : IAsyncLifetime
{
    private int _hanging;
    private WebApplication? _app;

    public Uri Address { get; private set; } = new("http://127.0.0.1:0");

    public HealthService Health { get; } = new();

    public GrpcLimits Limits { get; } = new() { ReceiveBytesMax = 256 * 1024 };

    /// <summary>Calls of Hang that have not ended.</summary>
    public int Hanging => Volatile.Read(ref _hanging);

    /// <summary>Completes whenever a call of Hang ended.</summary>
    public SemaphoreSlim HangEnded { get; } = new(0);

    public GrpcChannel Channel() => new(Address);

    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel =>
        {
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
            kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddRoutingCore().AddLogging();
        _app = builder.Build();
        _app.UseRouting();
        GrpcService echo = BuildEcho();
        GrpcService health = Health.Build();
        Health.Set("pixsearch.test.Echo", serving: true);
        var options = new GrpcServerOptions
        {
            Limits = Limits,
            MapException = static error => error is TimeZoneNotFoundException
                ? new GrpcException(GrpcStatusCode.OutOfRange, "mapped")
                : null,
        };
        _app.MapGrpc(options, [echo, health, .. ReflectionServices.Build(echo, health)]);
        await _app.StartAsync();
        Address = new Uri(_app.Services.GetRequiredService<IServer>()
            .Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    public async Task DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _app!.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private GrpcService BuildEcho() => new GrpcServiceBuilder(EchoReflection.Descriptor.Services[0])
        .Unary<EchoRequest, EchoReply>("Unary", UnaryAsync)
        .ServerStream<EchoRequest, EchoReply>("Repeat", static (request, _) => RepeatAsync(request))
        .ClientStream<EchoRequest, EchoReply>("Join", JoinAsync)
        .Duplex<EchoRequest, EchoReply>("Chat", static (requests, _) => ChatAsync(requests))
        .Unary<EchoRequest, EchoReply>("Fail", FailAsync)
        .ServerStream<EchoRequest, EchoReply>("FailLate", static (request, _) => FailLateAsync(request))
        .ServerStream<EchoRequest, EchoReply>("Hang", (_, call) => HangAsync(call.Cancellation))
        .Unary<EchoRequest, EchoReply>("Crash", static (request, _) => throw (request.Text == "mapped"
            ? new TimeZoneNotFoundException()
            : new InvalidOperationException("a secret of the inside")))
        .Build();

    private static async Task<EchoReply> UnaryAsync(EchoRequest request, GrpcServerContext call)
    {
        foreach (GrpcMetadata.Entry entry in call.RequestHeaders.Where(static one =>
            one.Key.StartsWith("echo-", StringComparison.Ordinal)))
        {
            if (entry.Key.EndsWith("-bin", StringComparison.Ordinal))
            {
                call.ResponseHeaders.Add(entry.Key, entry.Bytes);
                call.ResponseTrailers.Add("trailer-" + entry.Key, entry.Bytes);
            }
            else
            {
                call.ResponseHeaders.Add(entry.Key, entry.Text);
                call.ResponseTrailers.Add("trailer-" + entry.Key, entry.Text);
            }
        }

        if (request.Text == "headers-first")
        {
            await call.SendHeadersAsync();
        }

        return new EchoReply { Text = request.Text, Blob = request.Blob, Index = call.Deadline is null ? 0 : 1 };
    }

    private static async IAsyncEnumerable<EchoReply> RepeatAsync(EchoRequest request)
    {
        for (int i = 0; i < request.Count; i++)
        {
            await Task.Yield();
            yield return new EchoReply { Text = request.Text, Index = i, Blob = request.Blob };
        }
    }

    private static async Task<EchoReply> JoinAsync(IAsyncEnumerable<EchoRequest> requests, GrpcServerContext call)
    {
        var texts = new List<string>();
        await foreach (EchoRequest request in requests)
        {
            texts.Add(request.Text);
        }

        return new EchoReply { Text = string.Join(',', texts), Index = texts.Count };
    }

    private static async IAsyncEnumerable<EchoReply> ChatAsync(IAsyncEnumerable<EchoRequest> requests)
    {
        int index = 0;
        await foreach (EchoRequest request in requests)
        {
            yield return new EchoReply { Text = request.Text, Index = index++ };
        }
    }

    private static Task<EchoReply> FailAsync(EchoRequest request, GrpcServerContext call) =>
        throw new GrpcException((GrpcStatusCode)request.Count, request.Text)
        {
            Details = [Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(7)) })],
            Trailers = new GrpcMetadata { { "why", "test" } },
        };

    private static async IAsyncEnumerable<EchoReply> FailLateAsync(EchoRequest request)
    {
        await foreach (EchoReply reply in RepeatAsync(request))
        {
            yield return reply;
        }

        throw new GrpcException(GrpcStatusCode.NotFound, "late");
    }

    private async IAsyncEnumerable<EchoReply> HangAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        Interlocked.Increment(ref _hanging);
        try
        {
            yield return new EchoReply { Text = "hanging" };
            await new TaskCompletionSource().Task.WaitAsync(cancellation);
        }
        finally
        {
            Interlocked.Decrement(ref _hanging);
            HangEnded.Release();
        }
    }
}

/// <summary>One server for all tests of a class collection.</summary>
[CollectionDefinition(Name)]
public sealed class EchoCollection : ICollectionFixture<EchoServer>
{
    public const string Name = "echo";
}
