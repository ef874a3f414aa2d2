using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;
using PixSearch.Gateway.Tenants;
using PixSearch.Grpc;

namespace PixSearch.Gateway.Rpc;

/// <summary>The gRPC door: <c>pixsearch.v1.PixSearch</c>.</summary>
internal sealed class AnswerRpc(AskPipeline pipeline, OperationPipeline operations)
{
    internal GrpcService Build() => new GrpcServiceBuilder(V1.PixsearchReflection.Descriptor.Services[0])
        .ServerStream<V1.AnswerRequest, V1.AnswerEvent>("Answer", AnswerAsync)
        .ServerStream<V1.ResumeRequest, V1.AnswerEvent>("Resume", ResumeAsync)
        .Unary<V1.CancelRequest, V1.CancelReply>("Cancel", CancelAsync)
        .Unary<V1.SegmentRequest, V1.SegmentReply>("Segment", SegmentAsync)
        .Build();

    internal static Tenant Authenticate(AskPipeline pipeline, GrpcServerContext call) =>
        pipeline.Authenticate(call.RequestHeaders.GetText("authorization"));

    private async IAsyncEnumerable<V1.AnswerEvent> AnswerAsync(V1.AnswerRequest request, GrpcServerContext call)
    {
        Tenant tenant = Authenticate(pipeline, call);
        await using AskSession session = await pipeline.StartAsync(tenant, new AskCommand
        {
            Picture = new PictureSource(request.Picture.Memory, request.PictureUrl),
            Question = request.Question,
            Model = request.Model,
            Index = request.Index,
            Mode = Wire.Of(request.SearchMode),
            SearchBudget = request.HasSearchBudget ? request.SearchBudget : null,
            Sampling = Wire.Of(request.Sampling),
            Priority = request.Priority,
            Detach = request.Detach,
            Deadline = call.Deadline,
        }, call.Cancellation);
        call.ResponseHeaders.Add("pixsearch-session", session.Id);
        await call.SendHeadersAsync();
        await foreach (SessionEvent next in session.ReadAsync(call.Cancellation))
        {
            yield return Wire.Event(next);
            ThrowIfFailed(next);
        }
    }

    private async IAsyncEnumerable<V1.AnswerEvent> ResumeAsync(V1.ResumeRequest request, GrpcServerContext call)
    {
        Tenant tenant = Authenticate(pipeline, call);
        IAsyncEnumerable<SessionEvent> events =
            await pipeline.ResumeAsync(tenant, request.Session, request.FromSequence, call.Cancellation);
        await call.SendHeadersAsync();
        await foreach (SessionEvent next in events)
        {
            yield return Wire.Event(next);
            ThrowIfFailed(next);
        }
    }

    private async Task<V1.CancelReply> CancelAsync(V1.CancelRequest request, GrpcServerContext call) =>
        new() { Cancelled = await pipeline.CancelAsync(
            Authenticate(pipeline, call), request.Session, call.Cancellation) };

    private async Task<V1.SegmentReply> SegmentAsync(V1.SegmentRequest request, GrpcServerContext call)
    {
        Tenant tenant = Authenticate(pipeline, call);
        SegmentResult result = await operations.SegmentAsync(tenant, new SegmentRequest
        {
            Picture = default,
            Model = request.Model,
            Phrases = [.. request.Phrases],
            Points = [.. request.Points.Select(static set =>
                (IReadOnlyList<SegmentPoint>)[.. set.Points.Select(static one =>
                    new SegmentPoint(one.X, one.Y, !one.HasForeground || one.Foreground))])],
            Boxes = [.. request.Boxes.Select(static box => new PixelBox(box.X, box.Y, box.Width, box.Height))],
            Deadline = call.Deadline,
        }, new PictureSource(request.Picture.Memory, request.PictureUrl), call.Cancellation);
        var reply = new V1.SegmentReply
        {
            Width = result.Width,
            Height = result.Height,
            Usage = new V1.Usage
            {
                PromptTokens = result.PromptTokens,
                ImageTokens = result.ImageTokens,
                CompletionTokens = result.CompletionTokens,
                Masks = result.Masks.Count,
            },
        };
        reply.Masks.AddRange(result.Masks.Select(static mask => new V1.SegmentMask
        {
            Phrase = mask.Phrase,
            Rle = Wire.Of(mask.Rle),
            Box = Wire.Of(mask.Box),
            Score = mask.Score,
        }));
        return reply;
    }

    /// <summary>The event has been sent; now the call ends with a status of the same kind.</summary>
    private static void ThrowIfFailed(SessionEvent next)
    {
        if (next is Failed failed)
        {
            throw new PixException(failed.Kind, failed.Message);
        }
    }
}
