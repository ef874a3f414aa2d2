using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace PixSearch.Grpc;

/// <summary>A method that a server offers: its descriptor and how to run it.</summary>
public abstract class GrpcMethod
{
    private protected GrpcMethod(MethodDescriptor descriptor)
    {
        Descriptor = descriptor;
        FullName = $"/{descriptor.Service.FullName}/{descriptor.Name}";
    }

    /// <summary>The method in its <c>.proto</c>.</summary>
    public MethodDescriptor Descriptor { get; }

    /// <summary><c>/package.Service/Method</c>: the HTTP path.</summary>
    public string FullName { get; }

    /// <summary>Runs the call to its last message; throws for any status but OK.</summary>
    internal abstract Task RunAsync(GrpcServerCall call);
}

/// <summary>
/// All four kinds of calls are one: messages in, messages out. The kind decides how many are allowed, which
/// <see cref="ReadOneAsync"/> and the adapters in <see cref="GrpcServiceBuilder"/> enforce.
/// </summary>
internal sealed class GrpcMethod<TRequest, TResponse>(MethodDescriptor descriptor, MessageParser<TRequest> parser,
    Func<GrpcServerCall, GrpcMethod<TRequest, TResponse>, Task> run) : GrpcMethod(descriptor)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    internal override Task RunAsync(GrpcServerCall call) => run(call, this);

    /// <summary>The only message of a unary or server-streaming request.</summary>
    internal async Task<TRequest> ReadOneAsync(GrpcServerCall call)
    {
        TRequest request = await call.ReadAsync(parser) ??
            throw new GrpcException(GrpcStatusCode.Internal, $"{FullName} takes one message; the request held none.");
        if (await call.ReadAsync(parser) is not null)
        {
            throw new GrpcException(GrpcStatusCode.Internal, $"{FullName} takes one message; the request held more.");
        }

        return request;
    }

    /// <summary>All messages of a client stream, as they arrive.</summary>
    internal async IAsyncEnumerable<TRequest> ReadAllAsync(GrpcServerCall call)
    {
        while (await call.ReadAsync(parser) is { } request)
        {
            yield return request;
        }
    }
}
