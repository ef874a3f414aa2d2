using Google.Protobuf;
using Google.Protobuf.Reflection;
using PixSearch.Grpc.Tests;

namespace PixSearch.Gateway.Tests;

/// <summary>Real clients against the gateway: OpenAI's, and gRPC's.</summary>
public sealed class InteropTests
{
    private static readonly string s_picture = Convert.ToBase64String(ScriptedNode.Png);

    [ExternalClientFact(ExternalClient.OpenAi)]
    public async Task OpenAi_CompletionsStreamsErrors_Work()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        string output = await ExternalClients.RunAsync(ExternalClient.OpenAi, Path.Combine("Interop", "openai.cjs"),
            $"{gateway.Server.HttpAddress}v1", GatewayFixture.Key, s_picture);
        Assert.Equal(10, output.Split('\n').Count(static line => line.StartsWith("ok ", StringComparison.Ordinal)));
    }

    [ExternalClientFact(ExternalClient.GrpcJs)]
    public async Task GrpcJs_PixSearchAndIndex_Work()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        string output = await ExternalClients.RunAsync(
            ExternalClient.GrpcJs, Path.Combine("Interop", "pixsearch-js.cjs"),
            gateway.Server.GrpcAddress.Authority, GatewayFixture.Key, s_picture,
                Path.Combine(AppContext.BaseDirectory, "Protos"));
        Assert.Equal(7, output.Split('\n').Count(static line => line.StartsWith("ok ", StringComparison.Ordinal)));
    }

    [ExternalClientFact(ExternalClient.GrpcPython)]
    public async Task Grpcio_PixSearchAndIndex_Work()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        var descriptors = new FileDescriptorSet();
        foreach (FileDescriptor file in (FileDescriptor[])[V1.TypesReflection.Descriptor,
            V1.PixsearchReflection.Descriptor, V1.IndexReflection.Descriptor])
        {
            descriptors.File.Add(FileDescriptorProto.Parser.ParseFrom(file.SerializedData));
        }

        string path = Path.Combine(Path.GetTempPath(), $"px-descriptors-{Guid.NewGuid():n}.bin");
        await File.WriteAllBytesAsync(path, descriptors.ToByteArray());
        string output = await ExternalClients.RunAsync(ExternalClient.GrpcPython,
            Path.Combine("Interop", "pixsearch_python.py"), gateway.Server.GrpcAddress.Authority, GatewayFixture.Key,
            path, s_picture);
        File.Delete(path);
        Assert.Equal(6, output.Split('\n').Count(static line => line.StartsWith("ok ", StringComparison.Ordinal)));
    }

    [ExternalClientFact(ExternalClient.Buf)]
    public async Task BufCurl_OverReflection_StreamsAnAnswer()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        string output = await ExternalClients.RunAsync(
            ExternalClient.Buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge",
            "-H", $"authorization: Bearer {GatewayFixture.Key}", "-d", """{"question": "q"}""",
            $"{gateway.Server.GrpcAddress}pixsearch.v1.PixSearch/Answer");
        Assert.Contains("FINISH_REASON_STOP", output, StringComparison.Ordinal);
        Assert.Contains("capital Suva", output, StringComparison.Ordinal);
    }
}
