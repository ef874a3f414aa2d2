using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;
using PixSearch.Gateway.Tenants;
using PixSearch.Grpc;

namespace PixSearch.Gateway.Rpc;

/// <summary>The gRPC door: <c>pixsearch.v1.Index</c>.</summary>
internal sealed class IndexRpc(AskPipeline pipeline, OperationPipeline operations)
{
    internal GrpcService Build() => new GrpcServiceBuilder(V1.IndexReflection.Descriptor.Services[0])
        .ClientStream<V1.IngestRequest, V1.IngestReply>("Ingest", IngestAsync)
        .Unary<V1.SearchRequest, V1.SearchReply>("Search", SearchAsync)
        .Build();

    private async Task<V1.IngestReply> IngestAsync(IAsyncEnumerable<V1.IngestRequest> requests, GrpcServerContext call)
    {
        Tenant tenant = AnswerRpc.Authenticate(pipeline, call);
        await using IAsyncEnumerator<V1.IngestRequest> source = requests.GetAsyncEnumerator(call.Cancellation);
        if (!await source.MoveNextAsync())
        {
            throw new PixException(PixErrorKind.InvalidArgument, "The stream holds no document.");
        }

        IngestReport report = await operations.IngestAsync(
            tenant, source.Current.Index, DocumentsAsync(source), call.Cancellation);
        return new V1.IngestReply { Added = report.Added, Refused = report.Refused, Errors = { report.Errors } };
    }

    private async Task<V1.SearchReply> SearchAsync(V1.SearchRequest request, GrpcServerContext call)
    {
        Tenant tenant = AnswerRpc.Authenticate(pipeline, call);
        RetrievalResult result = await operations.SearchAsync(
            tenant, request.Index, request.Text, request.Picture.Memory,
            request.HasTopK ? request.TopK : null, call.Cancellation);
        var reply = new V1.SearchReply { Partial = result.Partial };
        reply.Hits.AddRange(result.Hits.Select(Wire.Of));
        return reply;
    }

    private static async IAsyncEnumerable<IndexDocument> DocumentsAsync(IAsyncEnumerator<V1.IngestRequest> source)
    {
        do
        {
            if (source.Current.Document is { } document)
            {
                yield return new IndexDocument(document.Id, document.Title, document.Text, document.Picture.Memory);
            }
        }
        while (await source.MoveNextAsync());
    }
}
