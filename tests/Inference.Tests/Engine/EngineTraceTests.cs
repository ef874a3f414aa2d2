using System.Collections.Concurrent;
using System.Diagnostics;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Inference.Sessions;
using PixSearch.Inference.Toys;

namespace PixSearch.Inference.Engine;

/// <summary>Spans of a session and of its searches, as a listener of the process receives them.</summary>
public sealed class EngineTraceTests : IDisposable
{
    private const string Script = "The CAR<search><region></search> is red, the DOG<search>which dog?</search> is not.";

    private readonly ActivityTraceId _trace = ActivityTraceId.CreateRandom();
    private readonly ActivitySpanId _caller = ActivitySpanId.CreateRandom();
    private readonly ConcurrentQueue<Activity> _ended = new();
    private readonly ActivityListener _listener;

    public EngineTraceTests()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "PixSearch.Inference",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                // Other tests of the process run sessions too.
                if (activity.TraceId == _trace)
                {
                    _ended.Enqueue(activity);
                }
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    [Fact]
    public async Task Session_TwoSearches_IsASpanWithOneForEachSearch()
    {
        var retriever = new Retriever(_ => null);
        await AskAsync(retriever, Request("s"));

        Activity engine = Assert.Single(_ended, span => span.OperationName == "engine");
        Assert.Equal((_caller, ActivityKind.Internal, ActivityStatusCode.Unset),
            (engine.ParentSpanId, engine.Kind, engine.Status));
        Assert.Equal(["generate_content", "toy", "s"], Tags(engine, "gen_ai.operation.name", "gen_ai.request.model",
            "gen_ai.conversation.id"));
        Assert.Equal([2, 2], Tags(engine, "pixsearch.masks", "pixsearch.searches"));
        Assert.InRange((int)engine.GetTagItem("gen_ai.usage.output_tokens")!, 1, 200);
        Assert.InRange((int)engine.GetTagItem("pixsearch.slots")!, 1, 1024);

        Activity[] searches = [.. _ended.Where(span => span.OperationName == "retrieve")
            .OrderBy(span => span.GetTagItem("pixsearch.search.turn"))];
        Assert.Equal(2, searches.Length);
        Assert.All(searches, span => Assert.Equal((engine.SpanId, ActivityKind.Client, ActivityStatusCode.Unset),
            (span.ParentSpanId, span.Kind, span.Status)));
        Assert.All(searches, span => Assert.Equal(["execute_tool", "search", "s", 1], Tags(span,
            "gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.conversation.id", "pixsearch.search.hits")));
        Assert.Equal([1, "Region", 2, "Text"], searches.SelectMany(span => Tags(span, "pixsearch.search.turn",
            "pixsearch.search.modality")));

        // A turn's masks are one call of the decoder, after the words that began the search.
        Activity[] masks = [.. _ended.Where(span => span.OperationName == "masks")];
        Assert.Equal([1, 1, 2, 1], masks.SelectMany(span => Tags(span, "pixsearch.search.turn", "pixsearch.masks")));
        Assert.All(masks, span => Assert.Equal((engine.SpanId, ActivityKind.Internal), (span.ParentSpanId, span.Kind)));

        // What the retriever itself does hangs under the search; searches lie inside of their session.
        Assert.Equal(searches.Select(span => (ActivitySpanId?)span.SpanId).ToArray(), retriever.Parents.ToArray());
        Assert.All(searches, span => Assert.True(span.StartTimeUtc >= engine.StartTimeUtc
            && span.StartTimeUtc + span.Duration <= engine.StartTimeUtc + engine.Duration));
    }

    [Fact]
    public async Task Session_SearchThatFails_HasAnErrorInItsSpanOnly()
    {
        await AskAsync(new Retriever(query => query.Modality == SearchModality.Text
            ? new TimeoutException("The index is slow.") : null), Request("s"));

        Activity failed = Assert.Single(_ended, span => span.Status == ActivityStatusCode.Error);
        Assert.Equal(["retrieve", "TimeoutException", "Text"],
            [failed.OperationName, .. Tags(failed, "error.type", "pixsearch.search.modality")]);
        Assert.Equal(["engine", "masks", "masks", "retrieve", "retrieve"],
            _ended.Select(span => span.OperationName).Order());
    }

    [Fact]
    public async Task Session_Refused_EndsItsSpanWithAnError()
    {
        // An index that is not there ends the session.
        await AskAsync(new Retriever(_ => new PixException(PixErrorKind.NotFound, "There is no index.")), Request("s"));

        Activity engine = Assert.Single(_ended, span => span.OperationName == "engine");
        Assert.Equal(ActivityStatusCode.Error, engine.Status);
    }

    [Fact]
    public async Task Spans_OfATenant_TellNothingOfWhatWasAsked()
    {
        await AskAsync(new Retriever(_ => null), Request("s"));

        string[] values = [.. _ended.SelectMany(span => span.TagObjects).Select(tag => $"{tag.Key}={tag.Value}")];
        Assert.NotEmpty(values);
        Assert.All(values, value => Assert.DoesNotMatch("acme|CAR|DOG|dog|Snippet", value));
    }

    [Fact]
    public async Task Session_WithoutListener_HasNoSpan()
    {
        _listener.Dispose();
        var retriever = new Retriever(_ => null);
        await AskAsync(retriever, Request("s"));

        Assert.Empty(_ended);
        Assert.All(retriever.Parents, Assert.Null);
    }

    public void Dispose() => _listener.Dispose();

    private EngineRequest Request(string id)
    {
        RgbImage picture = EngineHarness.Picture(1);
        var answer = new AnswerRequest { Question = Script, Tenant = "acme", Model = "toy" };
        return new EngineRequest(id, answer, new SessionOptions(), picture, EngineRequest.KeyOf("acme", picture),
            Trace: new ActivityContext(_trace, _caller, ActivityTraceFlags.Recorded));
    }

    private static async Task AskAsync(IRetriever retriever, EngineRequest request)
    {
        using var model = new ToyModel();
        await using var loop = new EngineLoop(model, retriever, new EngineOptions { PageCount = 256 },
            TimeProvider.System, new NoSessionLog());
        EventStream events = await loop.SubmitAsync(request);
        await foreach (SessionEvent item in events.ReadAsync(0))
        {
            Assert.True(item.Sequence >= 0);
        }

        Assert.True(events.IsClosed);
    }

    private static object?[] Tags(Activity span, params string[] names) =>
        [.. names.Select(span.GetTagItem)];

    /// <summary>Finds one hit, or fails; remembers the span that was current.</summary>
    private sealed class Retriever(Func<RetrievalQuery, Exception?> error) : IRetriever
    {
        public List<ActivitySpanId?> Parents { get; } = [];

        public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
        {
            Parents.Add(Activity.Current?.SpanId);
            return error(query) is { } failure
                ? ValueTask.FromException<RetrievalResult>(failure)
                : ValueTask.FromResult(new RetrievalResult(
                    [new EvidenceHit("d", "Title", "Snippet", 1, query.Modality)], Partial: false));
        }
    }
}
