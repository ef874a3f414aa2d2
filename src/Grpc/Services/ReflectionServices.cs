namespace PixSearch.Grpc;

/// <summary>
/// Server reflection in both versions that tools ask for: v1 (buf, newer grpcurl) and v1alpha (everything older).
/// </summary>
public static class ReflectionServices
{
    /// <summary>Both services, which describe the given ones and themselves.</summary>
    public static GrpcService[] Build(params GrpcService[] services)
    {
        var index = new DescriptorIndex(services.Select(static service => service.Descriptor)
            .Append(ReflectionV1Service.Descriptor).Append(ReflectionV1AlphaService.Descriptor));
        return [ReflectionV1Service.Build(index), ReflectionV1AlphaService.Build(index)];
    }
}
