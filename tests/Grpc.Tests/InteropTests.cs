namespace PixSearch.Grpc.Tests;

/// <summary>Real gRPC clients against our server.</summary>
[Collection(EchoCollection.Name)]
public sealed class InteropTests(EchoServer server)
{
    private string Target => server.Address.Authority;

    [ExternalClientFact(ExternalClient.GrpcJs)]
    public async Task GrpcJs_AllKindsOfCalls_Work()
    {
        string output = await ExternalClients.RunAsync(
            ExternalClient.GrpcJs, Path.Combine("Interop", "grpc-js.cjs"), Target);
        Assert.Equal(13, output.Split('\n').Count(static line => line.StartsWith("ok ", StringComparison.Ordinal)));
    }

    [ExternalClientFact(ExternalClient.GrpcPython)]
    public async Task GrpcPython_AllKindsOfCalls_Work()
    {
        string output = await ExternalClients.RunAsync(ExternalClient.GrpcPython,
            Path.Combine("Interop", "grpc_python.py"), Target);
        Assert.Equal(14, output.Split('\n').Count(static line => line.StartsWith("ok ", StringComparison.Ordinal)));
    }

    [ExternalClientFact(ExternalClient.Buf)]
    public async Task BufCurl_OverReflection_ListsAndCalls()
    {
        string[] common = ["curl", "--protocol", "grpc", "--http2-prior-knowledge"];
        string services = await ExternalClients.RunAsync(
            ExternalClient.Buf, [.. common, "--list-services", server.Address.AbsoluteUri]);
        Assert.Contains("pixsearch.test.Echo", services, StringComparison.Ordinal);
        string reply = await ExternalClients.RunAsync(ExternalClient.Buf,
            [.. common, "-d", """{"text": "hi", "count": 2}""", $"{server.Address}pixsearch.test.Echo/Repeat"]);
        Assert.Equal(2, reply.Split("\"text\"").Length - 1);
        string alpha = await ExternalClients.RunAsync(
            ExternalClient.Buf, [.. common, "--reflect-protocol", "grpc-v1alpha", "-d", "{}",
            $"{server.Address}grpc.health.v1.Health/Check"]);
        Assert.Contains("SERVING", alpha, StringComparison.Ordinal);
    }
}
