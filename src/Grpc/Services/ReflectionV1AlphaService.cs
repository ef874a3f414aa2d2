using Google.Protobuf;
using Google.Protobuf.Reflection;
using PixSearch.Grpc.Reflection.V1Alpha;

namespace PixSearch.Grpc;

/// <summary>The standard server reflection service, v1alpha (grpc/doc/server-reflection.md).</summary>
internal static class ReflectionV1AlphaService
{
    internal static ServiceDescriptor Descriptor => ReflectionReflection.Descriptor.Services[0];

    internal static GrpcService Build(DescriptorIndex index) => new GrpcServiceBuilder(Descriptor)
        .Duplex<ServerReflectionRequest, ServerReflectionResponse>("ServerReflectionInfo",
            (requests, _) => AnswerAllAsync(requests, index))
        .Build();

    private static async IAsyncEnumerable<ServerReflectionResponse> AnswerAllAsync(
        IAsyncEnumerable<ServerReflectionRequest> requests, DescriptorIndex index)
    {
        await foreach (ServerReflectionRequest request in requests)
        {
            ServerReflectionResponse response = Answer(request, index);
            response.ValidHost = request.Host;
            response.OriginalRequest = request;
            yield return response;
        }
    }

    private static ServerReflectionResponse Answer(ServerReflectionRequest request, DescriptorIndex index)
    {
        switch (request.MessageRequestCase)
        {
            case ServerReflectionRequest.MessageRequestOneofCase.ListServices:
                return new ServerReflectionResponse
                {
                    ListServicesResponse = new ListServiceResponse
                    {
                        Service = { index.ServiceNames.Select(static name => new ServiceResponse { Name = name }) },
                    },
                };
            case ServerReflectionRequest.MessageRequestOneofCase.FileByFilename:
                return Files(index.FindFile(request.FileByFilename));
            case ServerReflectionRequest.MessageRequestOneofCase.FileContainingSymbol:
                return Files(index.FindSymbol(request.FileContainingSymbol));
            case ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType
                when index.HasMessage(request.AllExtensionNumbersOfType):
                return new ServerReflectionResponse
                {
                    AllExtensionNumbersResponse = new ExtensionNumberResponse
                    {
                        BaseTypeName = request.AllExtensionNumbersOfType,
                    },
                };
            case ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType:
            case ServerReflectionRequest.MessageRequestOneofCase.FileContainingExtension:
                return Error(GrpcStatusCode.NotFound, "There is no such type or extension.");
            default:
                return Error(GrpcStatusCode.InvalidArgument, "The request names nothing to look up.");
        }
    }

    private static ServerReflectionResponse Files(IReadOnlyList<ByteString>? files) => files is null
        ? Error(GrpcStatusCode.NotFound, "There is no such file or symbol.")
        : new ServerReflectionResponse
        {
            FileDescriptorResponse = new FileDescriptorResponse { FileDescriptorProto = { files } },
        };

    private static ServerReflectionResponse Error(GrpcStatusCode code, string message) => new()
    {
        ErrorResponse = new ErrorResponse { ErrorCode = (int)code, ErrorMessage = message },
    };
}
