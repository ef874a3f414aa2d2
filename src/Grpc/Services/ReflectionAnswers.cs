using Google.Protobuf;
using PixSearch.Grpc.Reflection.V1;

namespace PixSearch.Grpc;

/// <summary>What server reflection answers to one request.</summary>
internal static class ReflectionAnswers
{
    internal static ServerReflectionResponse Of(ServerReflectionRequest request, DescriptorIndex index)
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
