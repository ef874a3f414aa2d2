using Google.Protobuf.Reflection;

namespace PixSearch.Grpc;

/// <summary>
/// Server reflection in both versions that tools ask for: v1 (buf, newer grpcurl) and v1alpha (everything older).
/// </summary>
public static class ReflectionServices
{
    /// <summary>Both services, which describe the given ones and themselves.</summary>
    public static GrpcService[] Build(params GrpcService[] services)
    {
        ServiceDescriptor v1 = Reflection.V1.ReflectionReflection.Descriptor.Services[0];
        ServiceDescriptor v1Alpha = Reflection.V1Alpha.ReflectionReflection.Descriptor.Services[0];
        var index = new DescriptorIndex(
            services.Select(static service => service.Descriptor).Append(v1).Append(v1Alpha));
        return
        [
            new ReflectionService<Reflection.V1.ServerReflectionRequest, Reflection.V1.ServerReflectionResponse>(
                v1, Reflection.V1.ServerReflectionResponse.Parser, index).Build(),
            new ReflectionService<Reflection.V1Alpha.ServerReflectionRequest,
                Reflection.V1Alpha.ServerReflectionResponse>(
                v1Alpha, Reflection.V1Alpha.ServerReflectionResponse.Parser, index).Build(),
        ];
    }
}
