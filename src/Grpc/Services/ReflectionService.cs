using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace PixSearch.Grpc;

/// <summary>
/// The standard server reflection service (grpc/doc/server-reflection.md). Its two versions, v1 and v1alpha, differ in
/// the package's name alone: the same fields have the same numbers, so that one reader and one writer serve both.
/// </summary>
/// <typeparam name="TRequest">The version's request.</typeparam>
/// <typeparam name="TResponse">The version's response.</typeparam>
internal sealed class ReflectionService<TRequest, TResponse>(ServiceDescriptor service,
    MessageParser<TResponse> responses, DescriptorIndex index)
    where TRequest : class, IMessage<TRequest>, new()
    where TResponse : class, IMessage<TResponse>, new()
{
    internal GrpcService Build() => new GrpcServiceBuilder(service)
        .Duplex<TRequest, TResponse>("ServerReflectionInfo", (requests, _) => AnswerAllAsync(requests))
        .Build();

    private async IAsyncEnumerable<TResponse> AnswerAllAsync(IAsyncEnumerable<TRequest> requests)
    {
        await foreach (TRequest request in requests)
        {
            Reflection.V1.ServerReflectionRequest common = request as Reflection.V1.ServerReflectionRequest
                ?? Reflection.V1.ServerReflectionRequest.Parser.ParseFrom(request.ToByteString());
            Reflection.V1.ServerReflectionResponse answer = Answer(common);
            yield return answer as TResponse ?? responses.ParseFrom(answer.ToByteString());
        }
    }

    private Reflection.V1.ServerReflectionResponse Answer(Reflection.V1.ServerReflectionRequest request)
    {
        Reflection.V1.ServerReflectionResponse response = ReflectionAnswers.Of(request, index);
        response.ValidHost = request.Host;
        response.OriginalRequest = request;
        return response;
    }
}
