using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;

namespace PixSearch.Grpc;

/// <summary>
/// One open call of the client. Sending and reading are independent; each is used by one caller at a time. Disposing
/// cancels what is not over.
/// </summary>
public sealed class GrpcCall<TRequest, TResponse> : IAsyncDisposable
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>, new()
{
    private readonly GrpcChannel _channel;
    private readonly GrpcCallOptions _options;
    private readonly CancellationTokenSource _stop;
    private readonly CancellationToken _callerCancellation;
    private readonly GrpcRequestContent _content = new();
    private readonly Task<HttpResponseMessage> _response;
    private readonly long? _deadline;

    internal GrpcCall(GrpcChannel channel, string method, GrpcCallOptions options, CancellationToken cancellation)
    {
        (_channel, _options, _callerCancellation) = (channel, options, cancellation);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        if (options.Timeout is { } timeout)
        {
            _deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
            _stop.CancelAfter(timeout > TimeSpan.Zero ? timeout : TimeSpan.Zero);
        }

        _response = channel.SendAsync(method, _content, options, _stop.Token);
        _content.FailWith(_response);
    }

    /// <summary>Custom metadata that came before the first message; set once the first read returned.</summary>
    public GrpcMetadata ResponseHeaders { get; } = [];

    /// <summary>Custom metadata that came with the status; set once reading ended.</summary>
    public GrpcMetadata ResponseTrailers { get; } = [];

    /// <summary>Sends one message and waits until the server's flow control takes it.</summary>
    public async Task SendAsync(TRequest message)
    {
        try
        {
            Stream stream = await _content.StreamAsync(_stop.Token);
            PipeWriter writer = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
            GrpcFrames.Write(writer, message, _options.Gzip, _channel.Limits with { CompressBytesMin = 0 });
            await writer.FlushAsync(_stop.Token);
            await stream.FlushAsync(_stop.Token);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException
            or ObjectDisposedException)
        {
            // The server may have ended the call before it read everything: its status is what the caller wants to
            // know, and it is on its way when the stream is closed under us.
            if (!_stop.IsCancellationRequested && await HasAnswerAsync())
            {
                return;
            }

            throw Translate(error);
        }
    }

    private async Task<bool> HasAnswerAsync()
    {
        await Task.WhenAny(_response);
        return _response.IsCompletedSuccessfully;
    }

    /// <summary>Tells the server that no more messages come.</summary>
    public void CompleteSending() => _content.Complete();

    /// <summary>All messages; throws <see cref="GrpcException"/> at the end for any status but OK.</summary>
    public async IAsyncEnumerable<TResponse> ReadAllAsync()
    {
        HttpResponseMessage response = await StartReadingAsync();
        PipeReader reader = PipeReader.Create(await OpenBodyAsync(response));
        string encoding = First(response.Headers, "grpc-encoding") ?? GrpcFrames.Identity;
        var parser = new MessageParser<TResponse>(static () => new TResponse());
        while (true)
        {
            TResponse? message;
            try
            {
                message = await GrpcFrames.ReadAsync(reader, parser, encoding, _channel.Limits, _stop.Token);
            }
            catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
            {
                throw Translate(error);
            }

            if (message is null)
            {
                break;
            }

            yield return message;
        }

        // Trailers-Only answers have everything in the headers.
        bool trailersOnly = First(response.Headers, "grpc-status") is not null;
        Finish(trailersOnly ? response.Headers : response.TrailingHeaders);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _content.Complete();
        await _stop.CancelAsync();
        try
        {
            (await _response).Dispose();
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
        {
            // The call was still open: ending it is what disposing means.
        }

        _stop.Dispose();
    }

    private async Task<HttpResponseMessage> StartReadingAsync()
    {
        try
        {
            HttpResponseMessage response = await _response;
            ResponseHeaders.AddAll(response.Headers);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw new GrpcException(FromHttp(response.StatusCode),
                    $"The server answered with HTTP status {(int)response.StatusCode}.");
            }

            return response;
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException)
        {
            throw Translate(error);
        }
    }

    private async Task<Stream> OpenBodyAsync(HttpResponseMessage response)
    {
        try
        {
            return await response.Content.ReadAsStreamAsync(_stop.Token);
        }
        catch (OperationCanceledException error)
        {
            throw Translate(error);
        }
    }

    private void Finish(HttpResponseHeaders trailers)
    {
        ResponseTrailers.AddAll(trailers);
        if (!int.TryParse(First(trailers, "grpc-status"), NumberStyles.None, CultureInfo.InvariantCulture,
            out int code))
        {
            throw new GrpcException(GrpcStatusCode.Internal, "The answer ended without a grpc-status.");
        }

        if (code == 0)
        {
            return;
        }

        var known = code <= 16 ? (GrpcStatusCode)code : GrpcStatusCode.Unknown;
        string message = GrpcStatusText.Decode(First(trailers, "grpc-message") ?? "");
        Rpc.Status? status = null;
        if (First(trailers, "grpc-status-details-bin") is { } text && GrpcMetadata.TryDecode(text, out byte[] bytes))
        {
            status = Rpc.Status.Parser.ParseFrom(bytes);
        }

        throw new GrpcException(known, message) { Details = status is null ? [] : [.. status.Details],
            Trailers = ResponseTrailers };
    }

    private GrpcException Translate(Exception error)
    {
        if (_callerCancellation.IsCancellationRequested)
        {
            return new GrpcException(GrpcStatusCode.Cancelled, "The caller cancelled.", error);
        }

        if (_deadline <= Environment.TickCount64 || (_deadline is not null && _stop.IsCancellationRequested))
        {
            return new GrpcException(GrpcStatusCode.DeadlineExceeded, "The deadline passed.", error);
        }

        return _stop.IsCancellationRequested
            ? new GrpcException(GrpcStatusCode.Cancelled, "The call was closed.", error)
            : new GrpcException(GrpcStatusCode.Unavailable, $"The server cannot be reached: {error.Message}", error);
    }

    private static string? First(HttpResponseHeaders headers, string name) =>
        headers.TryGetValues(name, out IEnumerable<string>? values) ? values.First() : null;

    private static GrpcStatusCode FromHttp(HttpStatusCode status) => (int)status switch
    {
        400 => GrpcStatusCode.Internal,
        401 => GrpcStatusCode.Unauthenticated,
        403 => GrpcStatusCode.PermissionDenied,
        404 => GrpcStatusCode.Unimplemented,
        429 or 502 or 503 or 504 => GrpcStatusCode.Unavailable,
        _ => GrpcStatusCode.Unknown,
    };
}
