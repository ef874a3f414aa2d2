using System.Net;
using System.Net.Http.Headers;

namespace PixSearch.Grpc;

/// <summary>A request body that is written while the response is read: HTTP/2 lets both run at once.</summary>
internal sealed class GrpcRequestContent : HttpContent
{
    private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal GrpcRequestContent() => Headers.ContentType = new MediaTypeHeaderValue(GrpcServer.ContentType);

    /// <summary>The stream of the connection, once there is one.</summary>
    internal Task<Stream> StreamAsync(CancellationToken cancellation) => _stream.Task.WaitAsync(cancellation);

    internal void Complete() => _complete.TrySetResult();

    /// <summary>Lets writers know when the call failed before a stream was there.</summary>
    internal void FailWith(Task<HttpResponseMessage> response) => response.ContinueWith(
        task => _stream.TrySetException(task.Exception!.GetBaseException()),
        CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context,
        CancellationToken cancellationToken)
    {
        // Sends the headers now: a server may want to answer before the first message.
        await stream.FlushAsync(cancellationToken);
        _stream.TrySetResult(stream);
        await _complete.Task.WaitAsync(cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
