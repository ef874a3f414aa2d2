using System.Net;
using System.Runtime.CompilerServices;
using Google.Protobuf;

namespace PixSearch.Grpc;

/// <summary>
/// A small gRPC client over <see cref="HttpClient"/> and HTTP/2, for our own tools and tests. Thread-safe; one per
/// server.
/// </summary>
public sealed class GrpcChannel : IDisposable
{
    private readonly HttpMessageInvoker _http;
    private readonly Uri _address;

    /// <summary>A channel to <c>http://host:port</c> (HTTP/2 with prior knowledge) or <c>https://</c>.</summary>
    /// <param name="address">The server.</param>
    /// <param name="limits">Bounds of messages; null = the defaults.</param>
    /// <param name="handler">Connections; null = the channel's own.</param>
    public GrpcChannel(Uri address, GrpcLimits? limits = null, HttpMessageHandler? handler = null)
    {
        _address = address;
        Limits = limits ?? new GrpcLimits { ReceiveBytesMax = 16 * 1024 * 1024 };
        _http = new HttpMessageInvoker(handler ?? new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            AutomaticDecompression = DecompressionMethods.None,
            AllowAutoRedirect = false,
            UseProxy = false,
        });
    }

    internal GrpcLimits Limits { get; }

    /// <summary>One message in, one out. Throws <see cref="GrpcException"/> for any status but OK.</summary>
    public async Task<TResponse> UnaryAsync<TRequest, TResponse>(string method, TRequest request,
        GrpcCallOptions? options = null, CancellationToken cancellation = default)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>, new()
    {
        await using GrpcCall<TRequest, TResponse> call = Open<TRequest, TResponse>(method, options, cancellation);
        await call.SendAsync(request);
        call.CompleteSending();
        TResponse? response = null;
        await foreach (TResponse message in call.ReadAllAsync())
        {
            response = response is null
                ? message
                : throw new GrpcException(GrpcStatusCode.Internal, $"{method} answered with more than one message.");
        }

        return response ?? throw new GrpcException(GrpcStatusCode.Internal, $"{method} answered without a message.");
    }

    /// <summary>One message in, many out.</summary>
    public async IAsyncEnumerable<TResponse> ServerStreamAsync<TRequest, TResponse>(string method, TRequest request,
        GrpcCallOptions? options = null, [EnumeratorCancellation] CancellationToken cancellation = default)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>, new()
    {
        await using GrpcCall<TRequest, TResponse> call = Open<TRequest, TResponse>(method, options, cancellation);
        await call.SendAsync(request);
        call.CompleteSending();
        await foreach (TResponse message in call.ReadAllAsync())
        {
            yield return message;
        }
    }

    /// <summary>Opens a call of any kind; nothing is awaited before its first use.</summary>
    public GrpcCall<TRequest, TResponse> Open<TRequest, TResponse>(string method, GrpcCallOptions? options = null,
        CancellationToken cancellation = default)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>, new() =>
        new(this, method, options ?? new GrpcCallOptions(), cancellation);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    internal Task<HttpResponseMessage> SendAsync(string method, HttpContent content, GrpcCallOptions options,
        CancellationToken cancellation)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_address, method))
        {
            Content = content,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.TryAddWithoutValidation("te", "trailers");
        request.Headers.TryAddWithoutValidation("grpc-accept-encoding", GrpcFrames.AcceptEncoding);
        if (options.Gzip)
        {
            request.Headers.TryAddWithoutValidation("grpc-encoding", GrpcFrames.Gzip);
        }

        if (options.Timeout is { } timeout)
        {
            request.Headers.TryAddWithoutValidation("grpc-timeout", GrpcTimeout.Format(timeout));
        }

        foreach (GrpcMetadata.Entry entry in options.Headers)
        {
            request.Headers.TryAddWithoutValidation(entry.Key, GrpcMetadata.WireValue(entry));
        }

        return _http.SendAsync(request, cancellation);
    }
}

/// <summary>Settings of one call.</summary>
public sealed record GrpcCallOptions
{
    /// <summary>Custom metadata to send.</summary>
    public GrpcMetadata Headers { get; init; } = [];

    /// <summary>How long to wait for the end of the call; null = for ever.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Compress what is sent.</summary>
    public bool Gzip { get; init; }
}
