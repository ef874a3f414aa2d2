using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace PixSearch.Grpc;

/// <summary>
/// Binds handlers to the methods of a service descriptor. Names, kinds and message types are checked against the
/// <c>.proto</c> when the
/// server starts; <see cref="Build"/> refuses a service with an unbound method.
/// </summary>
public sealed class GrpcServiceBuilder(ServiceDescriptor service)
{
    private readonly Dictionary<string, GrpcMethod> _methods = [];

    /// <summary>One message in, one out.</summary>
    public GrpcServiceBuilder Unary<TRequest, TResponse>(string name,
        Func<TRequest, GrpcServerContext, Task<TResponse>> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Add<TRequest, TResponse>(name, false, false, async (call, method) =>
        {
            TRequest request = await method.ReadOneAsync(call);
            await call.WriteAsync(await handler(request, call.Context));
        });

    /// <summary>One message in, many out.</summary>
    public GrpcServiceBuilder ServerStream<TRequest, TResponse>(string name,
        Func<TRequest, GrpcServerContext, IAsyncEnumerable<TResponse>> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Add<TRequest, TResponse>(name, false, true, async (call, method) =>
        {
            TRequest request = await method.ReadOneAsync(call);
            await call.WriteAllAsync(handler(request, call.Context));
        });

    /// <summary>Many messages in, one out.</summary>
    public GrpcServiceBuilder ClientStream<TRequest, TResponse>(string name,
        Func<IAsyncEnumerable<TRequest>, GrpcServerContext, Task<TResponse>> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Add<TRequest, TResponse>(name, true, false, async (call, method) =>
            await call.WriteAsync(await handler(method.ReadAllAsync(call), call.Context)));

    /// <summary>Many messages in, many out, independent of each other.</summary>
    public GrpcServiceBuilder Duplex<TRequest, TResponse>(string name,
        Func<IAsyncEnumerable<TRequest>, GrpcServerContext, IAsyncEnumerable<TResponse>> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        Add<TRequest, TResponse>(name, true, true, async (call, method) =>
            await call.WriteAllAsync(handler(method.ReadAllAsync(call), call.Context)));

    /// <summary>The service; throws <see cref="InvalidOperationException"/> when a method has no handler.</summary>
    public GrpcService Build()
    {
        foreach (MethodDescriptor method in service.Methods)
        {
            if (!_methods.ContainsKey(method.Name))
            {
                throw new InvalidOperationException($"{service.FullName}.{method.Name} has no handler.");
            }
        }

        return new GrpcService(service, [.. _methods.Values]);
    }

    private GrpcServiceBuilder Add<TRequest, TResponse>(string name, bool clientStreams, bool serverStreams,
        Func<GrpcServerCall, GrpcMethod<TRequest, TResponse>, Task> run)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        MethodDescriptor descriptor = service.FindMethodByName(name) ??
            throw new InvalidOperationException($"{service.FullName} has no method '{name}'.");
        if (descriptor.InputType.ClrType != typeof(TRequest) || descriptor.OutputType.ClrType != typeof(TResponse) ||
            descriptor.IsClientStreaming != clientStreams || descriptor.IsServerStreaming != serverStreams)
        {
            throw new InvalidOperationException($"The handler of {descriptor.FullName} does not fit its declaration.");
        }

        var parser = (MessageParser<TRequest>)descriptor.InputType.Parser;
        _methods.Add(name, new GrpcMethod<TRequest, TResponse>(descriptor, parser, run));
        return this;
    }
}

/// <summary>A service with all its handlers.</summary>
public sealed record GrpcService(ServiceDescriptor Descriptor, IReadOnlyList<GrpcMethod> Methods);
