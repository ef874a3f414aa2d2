using PixSearch.Abstractions;

namespace PixSearch.Retrieval.Tests;

/// <summary>
/// Goal: a slow or failing replica costs at most the hedge delay. Method: replicas answer when the test says so.
/// </summary>
public sealed class HedgedRetrieverTests
{
    private static readonly TimeSpan s_delay = TimeSpan.FromMilliseconds(50);
    private static readonly RetrievalQuery s_query = new("", SearchModality.Text, "x", null, 1);

    [Fact]
    public async Task SearchAsync_FirstIsSlow_SecondAnswersAndFirstIsCancelled()
    {
        var time = new ManualTime();
        (Replica slow, Replica quick) = (new Replica(), new Replica());
        Task<RetrievalResult> search = new HedgedRetriever([slow, quick], s_delay, time).SearchAsync(s_query, default)
            .AsTask();
        await time.FirstTimer;
        Assert.Equal((1, 0), (slow.Calls, quick.Calls));
        time.Advance(s_delay);
        await quick.Asked;
        quick.Answer.SetResult(Result("quick", false));
        Assert.Equal("quick", (await search).Hits[0].DocumentId);
        Assert.True(slow.Token.IsCancellationRequested);
    }

    [Fact]
    public async Task SearchAsync_FirstIsQuick_SecondIsNeverAsked()
    {
        (Replica first, Replica second) = (new Replica(), new Replica());
        first.Answer.SetResult(Result("first", false));
        RetrievalResult result = await new HedgedRetriever([first, second], s_delay, new ManualTime())
            .SearchAsync(s_query, default);
        Assert.Equal("first", result.Hits[0].DocumentId);
        Assert.Equal(0, second.Calls);
    }

    [Fact]
    public async Task SearchAsync_FirstFails_SecondIsAskedAtOnce()
    {
        (Replica first, Replica second) = (new Replica(), new Replica());
        first.Answer.SetException(new IOException("connection reset"));
        second.Answer.SetResult(Result("second", false));
        RetrievalResult result = await new HedgedRetriever([first, second], s_delay, new ManualTime())
            .SearchAsync(s_query, default);
        Assert.Equal("second", result.Hits[0].DocumentId);
    }

    [Fact]
    public async Task SearchAsync_NoneComplete_GivesThePartialAnswer()
    {
        (Replica first, Replica second) = (new Replica(), new Replica());
        first.Answer.SetResult(Result("part", true));
        second.Answer.SetException(new IOException("down"));
        RetrievalResult result = await new HedgedRetriever([first, second], s_delay, new ManualTime())
            .SearchAsync(s_query, default);
        Assert.True(result.Partial);
        Assert.Equal("part", result.Hits[0].DocumentId);
    }

    [Fact]
    public async Task SearchAsync_AllFail_ThrowsTheFirstError()
    {
        (Replica first, Replica second) = (new Replica(), new Replica());
        first.Answer.SetException(new IOException("first"));
        second.Answer.SetException(new IOException("second"));
        IOException error = await Assert.ThrowsAsync<IOException>(async () =>
            await new HedgedRetriever([first, second], s_delay, new ManualTime()).SearchAsync(s_query, default));
        Assert.Equal("first", error.Message);
    }

    [Fact]
    public async Task SearchAsync_BadQuery_IsNotSentTwice()
    {
        (Replica first, Replica second) = (new Replica(), new Replica());
        first.Answer.SetException(new PixException(PixErrorKind.InvalidArgument, "top-k"));
        await Assert.ThrowsAsync<PixException>(async () =>
            await new HedgedRetriever([first, second], s_delay, new ManualTime()).SearchAsync(s_query, default));
        Assert.Equal(0, second.Calls);
    }

    private static RetrievalResult Result(string id, bool partial) =>
        new([new EvidenceHit(id, id, "", 1, SearchModality.Text)], partial);

    private sealed class Replica : IRetriever
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<RetrievalResult> Answer { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Asked => _asked.Task;

        public int Calls { get; private set; }

        public CancellationToken Token { get; private set; }

        public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
        {
            Calls++;
            Token = cancellation;
            _asked.TrySetResult();
            return await Answer.Task.WaitAsync(cancellation);
        }
    }
}
