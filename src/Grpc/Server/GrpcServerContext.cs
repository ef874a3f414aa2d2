using System.Net;
using Microsoft.AspNetCore.Http;

namespace PixSearch.Grpc;

/// <summary>One call as its handler sees it.</summary>
public sealed class GrpcServerContext
{
    private readonly HttpContext _http;

    internal GrpcServerContext(HttpContext http, GrpcMethod method, DateTimeOffset? deadline,
        CancellationToken cancellation)
    {
        (_http, Method, Deadline, Cancellation) = (http, method.FullName, deadline, cancellation);
        foreach (var header in http.Request.Headers)
        {
            foreach (string? value in header.Value)
            {
                RequestHeaders.AddWire(header.Key, value ?? "");
            }
        }
    }

    /// <summary><c>/package.Service/Method</c>.</summary>
    public string Method { get; }

    /// <summary>When the caller stops waiting; null = never.</summary>
    public DateTimeOffset? Deadline { get; }

    /// <summary>Fires when the caller cancels, disconnects or its deadline passes. Handlers must heed it.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Custom metadata of the request.</summary>
    public GrpcMetadata RequestHeaders { get; } = [];

    /// <summary>Custom metadata to send before the first message.</summary>
    public GrpcMetadata ResponseHeaders { get; } = [];

    /// <summary>Custom metadata to send with the status.</summary>
    public GrpcMetadata ResponseTrailers { get; } = [];

    /// <summary>Address of the connection's other end; null when it is not an IP connection.</summary>
    public IPAddress? Peer => _http.Connection.RemoteIpAddress;

    /// <summary>The HTTP request beneath, for what gRPC has no notion of.</summary>
    public HttpContext Http => _http;

    /// <summary>Sends the response headers now; otherwise they travel with the first message or the status.</summary>
    public async ValueTask SendHeadersAsync()
    {
        if (!_http.Response.HasStarted)
        {
            ApplyHeaders();
            await _http.Response.StartAsync(Cancellation);
            await _http.Response.BodyWriter.FlushAsync(Cancellation);
        }
    }

    /// <summary>Copies <see cref="ResponseHeaders"/> onto the response that is about to start.</summary>
    internal void ApplyHeaders()
    {
        foreach (GrpcMetadata.Entry entry in ResponseHeaders)
        {
            _http.Response.Headers.Append(entry.Key, GrpcMetadata.WireValue(entry));
        }
    }
}
