using System.IO.Pipelines;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace PixSearch.Grpc;

/// <summary>The messages of one call over its HTTP/2 stream. Used by one handler at a time.</summary>
internal sealed class GrpcServerCall
{
    // A slow reader is felt only at a flush, so messages that are ready at once do not pile up without one.
    private const int UnflushedBytesMax = 16 * 1024;

    private readonly PipeReader _reader;
    private readonly PipeWriter _writer;
    private readonly string _requestEncoding;
    private readonly bool _peerTakesGzip;
    private readonly GrpcLimits _limits;
    private readonly HttpContext _http;

    internal GrpcServerCall(HttpContext http, GrpcServerContext context, GrpcLimits limits)
    {
        _http = http;
        _reader = http.Request.BodyReader;
        _writer = http.Response.BodyWriter;
        _limits = limits;
        _requestEncoding = http.Request.Headers["grpc-encoding"].ToString() is { Length: > 0 } name ? name
            : GrpcFrames.Identity;
        _peerTakesGzip = http.Request.Headers["grpc-accept-encoding"].ToString().Split(',')
            .Any(static part => part.Trim() == GrpcFrames.Gzip);
        Context = context;
    }

    internal GrpcServerContext Context { get; }

    /// <summary>Refuses encodings that we cannot read and announces ours.</summary>
    internal void Negotiate()
    {
        IHeaderDictionary headers = _http.Response.Headers;
        headers["grpc-accept-encoding"] = GrpcFrames.AcceptEncoding;
        if (_peerTakesGzip)
        {
            headers["grpc-encoding"] = GrpcFrames.Gzip;
        }

        if (_requestEncoding is not (GrpcFrames.Identity or GrpcFrames.Gzip))
        {
            throw new GrpcException(GrpcStatusCode.Unimplemented,
                $"grpc-encoding '{_requestEncoding}' is not supported; use one of {GrpcFrames.AcceptEncoding}.");
        }
    }

    internal ValueTask<T?> ReadAsync<T>(MessageParser<T> parser)
        where T : class, IMessage<T> =>
        GrpcFrames.ReadAsync(_reader, parser, _requestEncoding, _limits, Context.Cancellation);

    /// <summary>Sends a message and waits until the peer's flow control has room: a slow reader slows its handler
    /// down.</summary>
    internal async Task WriteAsync<T>(T message)
        where T : class, IMessage<T>
    {
        await AppendAsync(message);
        await _writer.FlushAsync(Context.Cancellation);
    }

    /// <summary>Sends all messages; those that are ready together go by one flush, which is a call of the
    /// system.</summary>
    internal async Task WriteAllAsync<T>(IAsyncEnumerable<T> messages)
        where T : class, IMessage<T>
    {
        await using IAsyncEnumerator<T> source = messages.GetAsyncEnumerator(Context.Cancellation);
        while (true)
        {
            ValueTask<bool> pending = source.MoveNextAsync();
            bool flushes = _writer.UnflushedBytes >= UnflushedBytesMax
                || (_writer.UnflushedBytes > 0 && !pending.IsCompleted);
            if (!(flushes ? await FlushAndWaitAsync(pending.AsTask()) : await pending))
            {
                break;
            }

            await AppendAsync(source.Current);
        }

        await _writer.FlushAsync(Context.Cancellation);
    }

    private async Task<bool> FlushAndWaitAsync(Task<bool> next)
    {
        try
        {
            await _writer.FlushAsync(Context.Cancellation);
        }
        catch when (!next.IsCompleted)
        {
            // The peer left or its deadline passed, which the handler hears too; it must not be disposed of while it
            // runs.
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        return await next;
    }

    private async Task AppendAsync<T>(T message)
        where T : class, IMessage<T>
    {
        Context.Cancellation.ThrowIfCancellationRequested();
        if (!_http.Response.HasStarted)
        {
            Context.ApplyHeaders();
            await _http.Response.StartAsync(Context.Cancellation);
        }

        GrpcFrames.Write(_writer, message, _peerTakesGzip, _limits);
    }
}
