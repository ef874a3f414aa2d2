using Google.Protobuf;
using PixSearch.Gateway.V1;
using PixSearch.Grpc;
using PixSearch.Grpc.Health.V1;
using PixSearch.Grpc.Rpc;

namespace PixSearch.Gateway.Tests;

/// <summary>The gRPC door with our own client: the same sessions as over HTTP, errors with their details.</summary>
public sealed class RpcTests
{
    [Fact]
    public async Task Answer_Question_StreamsEveryEvent()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        var request = new AnswerRequest
        {
            Question = "q",
            Picture = ByteString.CopyFrom(ScriptedNode.Png),
            SearchMode = SearchMode.Region,
            SearchBudget = 2,
            Sampling = new Sampling { Temperature = 0.5f, MaxTokens = 9, Stop = { "x" } },
        };
        await using GrpcCall<AnswerRequest, AnswerEvent> call = gateway.Channel.Open<AnswerRequest, AnswerEvent>(
            "/pixsearch.v1.PixSearch/Answer", gateway.Call);
        await call.SendAsync(request);
        call.CompleteSending();
        List<AnswerEvent> events = await AllAsync(call.ReadAllAsync());
        Assert.Equal("s1", call.ResponseHeaders.GetText("pixsearch-session"));
        Assert.Equal([0, 1, 2, 3, 4, 5, 6], events.Select(static one => one.Sequence));
        Assert.Equal(["Text", "Mask", "Search", "Evidence", "Text", "Usage", "Finished"],
            events.Select(static one => one.EventCase.ToString()));
        Assert.Equal((0.75f, 3, "0g0"), (events[1].Mask.Score, events[1].Mask.Box.Height, events[1].Mask.Rle.Counts));
        Assert.Equal((1, Modality.Region), (events[2].Search.MaskId, events[2].Search.Modality));
        Assert.Equal("Fiji", events[3].Evidence.Hits[0].Title);
        Abstractions.AnswerRequest seen = Assert.Single(gateway.Node.Requests);
        Assert.Equal((2, 9, 1f, 0.5f, "acme"), (seen.SearchBudget, seen.Sampling.MaxTokens, seen.Sampling.TopP,
            seen.Sampling.Temperature, seen.Tenant));
    }

    [Fact]
    public async Task Resume_FromEveryNumber_IsTheRest()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        List<AnswerEvent> all = await AnswerAsync(gateway, "q");
        for (int from = 0; from <= all.Count; from++)
        {
            List<AnswerEvent> rest = await AllAsync(gateway.Channel.ServerStreamAsync<ResumeRequest, AnswerEvent>(
                "/pixsearch.v1.PixSearch/Resume", new ResumeRequest { Session = "s1", FromSequence = from },
                    gateway.Call));
            Assert.Equal(all.Skip(from), rest);
        }
    }

    [Fact]
    public async Task Answer_SessionFails_EventThenStatusOfTheSameKind()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        var events = new List<AnswerEvent>();
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(async () =>
        {
            await foreach (AnswerEvent next in Answer(gateway, "fail"))
            {
                events.Add(next);
            }
        });
        Assert.Equal("deadline_exceeded", events[^1].Failed.Kind);
        Assert.Equal(GrpcStatusCode.DeadlineExceeded, error.Code);
        Assert.Equal("deadline_exceeded", error.Detail<ErrorInfo>()!.Reason);
    }

    [Fact]
    public async Task Answer_DeadlinePasses_SessionIsCancelled()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        GrpcCallOptions soon = gateway.Call with { Timeout = TimeSpan.FromMilliseconds(200) };
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(() => AllAsync(
            gateway.Channel.ServerStreamAsync<AnswerRequest, AnswerEvent>("/pixsearch.v1.PixSearch/Answer",
                new AnswerRequest { Question = "hang" }, soon)));
        Assert.Equal(GrpcStatusCode.DeadlineExceeded, error.Code);
        Assert.True(await gateway.Node.Ended.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.NotNull(Assert.Single(gateway.Node.Requests).Deadline);
    }

    [Fact]
    public async Task Cancel_RunningSession_ItsReaderSeesIt()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        await using IAsyncEnumerator<AnswerEvent> events = Answer(gateway, "hang").GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        CancelReply reply = await gateway.Channel.UnaryAsync<CancelRequest,
            CancelReply>("/pixsearch.v1.PixSearch/Cancel",
            new CancelRequest { Session = "s1" }, gateway.Call);
        Assert.True(reply.Cancelled);
        Assert.True(await events.MoveNextAsync());
        Assert.Equal(144, events.Current.Usage.ImageTokens);
        Assert.True(await events.MoveNextAsync());
        Assert.Equal("cancelled", events.Current.Failed.Kind);
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(async () => await events.MoveNextAsync());
        Assert.Equal(GrpcStatusCode.Cancelled, error.Code);
    }

    [Fact]
    public async Task Answer_WithoutOrWithWrongKey_IsUnauthenticated()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        var wrong = new GrpcCallOptions { Headers = new GrpcMetadata { { "authorization", "Bearer nope" } } };
        foreach (GrpcCallOptions options in (GrpcCallOptions[])[new GrpcCallOptions(), wrong])
        {
            GrpcException error = await Assert.ThrowsAsync<GrpcException>(() => AllAsync(
                gateway.Channel.ServerStreamAsync<AnswerRequest, AnswerEvent>("/pixsearch.v1.PixSearch/Answer",
                    new AnswerRequest { Question = "q" }, options)));
            Assert.Equal(GrpcStatusCode.Unauthenticated, error.Code);
        }

        Assert.Empty(gateway.Node.Requests);
    }

    [Fact]
    public async Task Overloaded_Node_SaysWhenToRetryOnBothDoors()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        gateway.Node.Refuse = new Abstractions.PixException(Abstractions.PixErrorKind.Overloaded, "full")
        {
            RetryAfter = TimeSpan.FromSeconds(2.5),
        };
        GrpcException error = await Assert.ThrowsAsync<GrpcException>(() => AnswerAsync(gateway, "q"));
        Assert.Equal(GrpcStatusCode.Unavailable, error.Code);
        Assert.Equal(3, error.Detail<RetryInfo>()!.RetryDelay.Seconds);
        using HttpResponseMessage response = await gateway.PostAsync("/v1/answers", """{"question": "q"}""");
        Assert.Equal((503, 3), ((int)response.StatusCode, (int)response.Headers.RetryAfter!.Delta!.Value.TotalSeconds));
    }

    [Fact]
    public async Task Segment_Phrases_GiveMasks()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        SegmentReply reply = await gateway.Channel.UnaryAsync<SegmentRequest, SegmentReply>(
            "/pixsearch.v1.PixSearch/Segment",
            new SegmentRequest { Picture = ByteString.CopyFrom(ScriptedNode.Png), Phrases = { "a", "b" } },
                gateway.Call);
        Assert.Equal(["a", "b"], reply.Masks.Select(static mask => mask.Phrase));
        Assert.Equal(144, reply.Usage.ImageTokens);
    }

    [Fact]
    public async Task Index_IngestAndSearch_Work()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        await using GrpcCall<IngestRequest, IngestReply> call = gateway.Channel.Open<IngestRequest, IngestReply>(
            "/pixsearch.v1.Index/Ingest", gateway.Call);
        for (int i = 0; i < 5; i++)
        {
            await call.SendAsync(new IngestRequest { Index = "flags",
                Document = new Document { Id = $"{i}", Title = "t" } });
        }

        call.CompleteSending();
        Assert.Equal(5, Assert.Single(await AllAsync(call.ReadAllAsync())).Added);
        Assert.Equal(["0", "1", "2", "3", "4"], gateway.Node.Documents.Select(static one => one.Id));
        SearchReply hits = await gateway.Channel.UnaryAsync<SearchRequest, SearchReply>("/pixsearch.v1.Index/Search",
            new SearchRequest { Picture = ByteString.CopyFrom(ScriptedNode.Png) }, gateway.Call);
        Assert.Equal(Modality.Region, Assert.Single(hits.Hits).Leg);
    }

    [Fact]
    public async Task Health_Draining_IsNotServing()
    {
        await using GatewayFixture gateway = await GatewayFixture.StartAsync();
        await using IAsyncEnumerator<HealthCheckResponse> watch = gateway.Channel
            .ServerStreamAsync<HealthCheckRequest, HealthCheckResponse>("/grpc.health.v1.Health/Watch",
                new HealthCheckRequest { Service = "pixsearch.v1.PixSearch" }).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, watch.Current.Status);
        Task<bool> stop = gateway.Server.StopAsync();
        Assert.True(await watch.MoveNextAsync());
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.NotServing, watch.Current.Status);
        await watch.DisposeAsync();
        Assert.True(await stop);
    }

    private static IAsyncEnumerable<AnswerEvent> Answer(GatewayFixture gateway, string question) =>
        gateway.Channel.ServerStreamAsync<AnswerRequest, AnswerEvent>("/pixsearch.v1.PixSearch/Answer",
            new AnswerRequest { Question = question }, gateway.Call);

    private static Task<List<AnswerEvent>> AnswerAsync(GatewayFixture gateway, string question) =>
        AllAsync(Answer(gateway, question));

    private static async Task<List<T>> AllAsync<T>(IAsyncEnumerable<T> items)
    {
        var list = new List<T>();
        await foreach (T item in items)
        {
            list.Add(item);
        }

        return list;
    }
}
