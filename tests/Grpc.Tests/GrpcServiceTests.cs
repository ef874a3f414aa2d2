using Google.Protobuf;
using Google.Protobuf.Reflection;
using PixSearch.Grpc.Health.V1;
using V1 = PixSearch.Grpc.Reflection.V1;
using V1Alpha = PixSearch.Grpc.Reflection.V1Alpha;

namespace PixSearch.Grpc.Tests;

/// <summary>Health and reflection, and what the builder refuses.</summary>
[Collection(EchoCollection.Name)]
public sealed class GrpcServiceTests(EchoServer server) : IDisposable
{
    private readonly GrpcChannel _channel = server.Channel();

    public void Dispose() => _channel.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("pixsearch.test.Echo")]
    public async Task Health_KnownService_Serves(string name)
    {
        HealthCheckResponse response = await _channel.UnaryAsync<HealthCheckRequest, HealthCheckResponse>(
            "/grpc.health.v1.Health/Check", new HealthCheckRequest { Service = name });
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, response.Status);
    }

    [Fact]
    public async Task Health_UnknownService_IsNotFound()
    {
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(() =>
            _channel.UnaryAsync<HealthCheckRequest, HealthCheckResponse>("/grpc.health.v1.Health/Check",
                new HealthCheckRequest { Service = "nobody" }));
        Assert.Equal(GrpcStatusCode.NotFound, error.Code);
    }

    [Fact]
    public async Task Health_Watch_SeesEachChange()
    {
        string name = "watched";
        await using IAsyncEnumerator<HealthCheckResponse> watch = _channel
            .ServerStreamAsync<HealthCheckRequest, HealthCheckResponse>("/grpc.health.v1.Health/Watch",
                new HealthCheckRequest { Service = name })
            .GetAsyncEnumerator();
        var seen = new List<HealthCheckResponse.Types.ServingStatus>();
        foreach (bool? next in (bool?[])[true, false, null])
        {
            Assert.True(await watch.MoveNextAsync());
            seen.Add(watch.Current.Status);
            if (next is { } serving)
            {
                server.Health.Set(name, serving);
            }
        }

        Assert.Equal([HealthCheckResponse.Types.ServingStatus.ServiceUnknown,
            HealthCheckResponse.Types.ServingStatus.Serving,
            HealthCheckResponse.Types.ServingStatus.NotServing], seen);
    }

    [Fact]
    public async Task Reflection_V1_ListsServicesAndGivesFilesWithTheirImports()
    {
        List<V1.ServerReflectionResponse> answers = await ReflectAsync<V1.ServerReflectionRequest,
            V1.ServerReflectionResponse>("v1",
            new V1.ServerReflectionRequest { ListServices = "*" },
            new V1.ServerReflectionRequest { FileContainingSymbol = "pixsearch.test.Echo.Unary" },
            new V1.ServerReflectionRequest { FileByFilename = "echo.proto" },
            new V1.ServerReflectionRequest { FileContainingSymbol = "no.such.Thing" },
            new V1.ServerReflectionRequest { AllExtensionNumbersOfType = "pixsearch.test.EchoRequest" });
        Assert.Equal(["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
            "pixsearch.test.Echo"], answers[0].ListServicesResponse.Service.Select(static one => one.Name));
        foreach (V1.ServerReflectionResponse files in answers.Skip(1).Take(2))
        {
            ByteString only = Assert.Single(files.FileDescriptorResponse.FileDescriptorProto);
            Assert.Equal("echo.proto", FileDescriptorProto.Parser.ParseFrom(only).Name);
        }

        Assert.Equal((int)GrpcStatusCode.NotFound, answers[3].ErrorResponse.ErrorCode);
        Assert.Equal("pixsearch.test.EchoRequest", answers[4].AllExtensionNumbersResponse.BaseTypeName);
    }

    [Fact]
    public async Task Reflection_V1Alpha_AnswersToo()
    {
        List<V1Alpha.ServerReflectionResponse> answers =
            await ReflectAsync<V1Alpha.ServerReflectionRequest, V1Alpha.ServerReflectionResponse>("v1alpha",
                new V1Alpha.ServerReflectionRequest { ListServices = "" }, new V1Alpha.ServerReflectionRequest());
        Assert.Contains(answers[0].ListServicesResponse.Service, static one => one.Name == "pixsearch.test.Echo");
        Assert.Equal((int)GrpcStatusCode.InvalidArgument, answers[1].ErrorResponse.ErrorCode);
    }

    [Fact]
    public void Builder_UnboundOrWrongMethod_IsRefused()
    {
        ServiceDescriptor service = HealthReflection.Descriptor.Services[0];
        Assert.Throws<InvalidOperationException>(() => new GrpcServiceBuilder(service).Build());
        Assert.Throws<InvalidOperationException>(() =>
            new GrpcServiceBuilder(service).Unary<EchoRequest,
                EchoReply>("Check", static (_, _) => Task.FromResult(new EchoReply())));
        Assert.Throws<InvalidOperationException>(() => new GrpcServiceBuilder(service)
            .Unary<HealthCheckRequest, HealthCheckResponse>("Watch", static (_, _) =>
                Task.FromResult(new HealthCheckResponse())));
    }

    private async Task<List<TResponse>> ReflectAsync<TRequest, TResponse>(string version, params TRequest[] requests)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>, new()
    {
        await using GrpcCall<TRequest, TResponse> call = _channel.Open<TRequest, TResponse>(
            $"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        foreach (TRequest request in requests)
        {
            await call.SendAsync(request);
        }

        call.CompleteSending();
        var answers = new List<TResponse>();
        await foreach (TResponse answer in call.ReadAllAsync())
        {
            answers.Add(answer);
        }

        return answers;
    }
}
