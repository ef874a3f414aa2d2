using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Feeds;
using PixSearch.Inference.Engine;

namespace PixSearch.Cluster.Tests;

/// <summary>Goal: many sessions share a message, none loses, repeats or reorders an event, and each end is
/// told.</summary>
[Collection(nameof(TwoSilosCollection))]
public sealed class FeedTests(TwoSilos cluster)
{
    [Fact]
    public async Task Next_ManySessions_ComeInOneBatchEachInOrder()
    {
        var feed = new EventFeed(TimeProvider.System);
        EventStream[] streams = [NewStream(), NewStream(), NewStream()];
        for (int i = 0; i < streams.Length; i++)
        {
            feed.Add(i, streams[i], fromSequence: i);
        }

        foreach (long sequence in (long[])[0, 1, 2])
        {
            foreach (EventStream stream in streams)
            {
                stream.Publish(Text(sequence));
            }
        }

        // Followed from 0, 1 and 2 on.
        FeedEvent[] events = (await feed.NextAsync()).Events;
        Assert.Equal([(0, 0L), (0, 1L), (0, 2L), (1, 1L), (1, 2L), (2, 2L)],
            events.Select(next => (next.Reader, next.Sequence)).Order());
        Assert.All(events, next => Assert.Equal($"word {next.Sequence}", next.Text));
    }

    [Fact]
    public async Task Next_NothingYet_AnswersWithTheEventThatComes()
    {
        var feed = new EventFeed(TimeProvider.System);
        EventStream stream = NewStream();
        feed.Add(1, stream, 0);
        Assert.Empty((await feed.NextAsync()).Events);
        Task<EventBatch> asked = feed.NextAsync();
        Assert.False(asked.IsCompleted);
        stream.Publish(Text(0));
        Assert.Equal("word 0", Assert.Single((await asked).Events).Text);
    }

    [Fact]
    public async Task Next_Ends_AreToldApart()
    {
        var feed = new EventFeed(TimeProvider.System);
        EventStream left = NewStream();
        EventStream over = NewStream();
        EventStream past = NewStream();
        over.Publish(new Finished(FinishReason.Stop) { Sequence = 0 });
        past.Publish(new Finished(FinishReason.Stop) { Sequence = 0 });
        left.Abandon();
        feed.Add(1, left, 0);
        feed.Add(2, over, 0);
        feed.Add(3, past, fromSequence: 1);
        FeedEvent[] events = (await feed.NextAsync()).Events;
        Assert.Equal([(1, FeedEvent.LetGo), (2, 0L), (3, FeedEvent.Over)],
            events.Select(next => (next.Reader, next.Sequence)));
    }

    [Fact]
    public async Task Next_MoreThanABatch_ComesInSeveral()
    {
        var feed = new EventFeed(TimeProvider.System);
        EventStream stream = NewStream();
        for (int i = 0; i < 600; i++)
        {
            stream.Publish(Text(i));
        }

        feed.Add(1, stream, 0);
        var seen = new List<long>();
        while (seen.Count < 600)
        {
            FeedEvent[] events = (await feed.NextAsync()).Events;
            Assert.InRange(events.Length, 1, 256);
            seen.AddRange(events.Select(next => next.Sequence));
        }

        Assert.Equal(Enumerable.Range(0, 600).Select(i => (long)i), seen);
    }

    [ClusterFact]
    public async Task Read_EngineLetsGo_GoesOnElsewhereWithoutAGap()
    {
        await cluster.ReportAsync(report => report, report => report);
        string session = await cluster.Answers.StartAsync(new AnswerRequest { Question = "Q", Model = "m" }, default);
        EngineDouble first = cluster.Engines.Single(engine => engine.Sessions.Contains(session));
        EngineDouble second = cluster.Engines.Single(engine => engine != first);
        EventStream stream = first.Streams[session] = NewStream();
        stream.Publish(new TextDelta("A flag.") { Sequence = 0 });
        await using IAsyncEnumerator<SessionEvent> events =
            cluster.Answers.ReadAsync(session, 0, default).GetAsyncEnumerator();
        Assert.True(await events.MoveNextAsync());
        Assert.Equal("A flag.", Assert.IsType<TextDelta>(events.Current).Text);

        first.Full = true;
        stream.Abandon();
        Assert.True(await events.MoveNextAsync());
        Assert.IsType<Usage>(events.Current);
        Assert.True(await events.MoveNextAsync());
        Assert.IsType<Finished>(events.Current);
        Assert.False(await events.MoveNextAsync());
        Assert.Contains(session, second.Sessions);
    }

    [ClusterFact]
    public async Task Read_SlowReader_GetsEveryEvent()
    {
        await cluster.ReportAsync(report => report, report => report);
        string session = await cluster.Answers.StartAsync(new AnswerRequest { Question = "Q", Model = "m" }, default);
        EngineDouble engine = cluster.Engines.Single(engine => engine.Sessions.Contains(session));
        EventStream stream = engine.Streams[session] = NewStream();
        await using IAsyncEnumerator<SessionEvent> events =
            cluster.Answers.ReadAsync(session, 0, default).GetAsyncEnumerator();
        stream.Publish(Text(0));
        Assert.True(await events.MoveNextAsync());

        // More than a gateway keeps for one reader: it is left behind, and follows again from where it is.
        for (int i = 1; i < 2000; i++)
        {
            stream.Publish(Text(i));
        }

        stream.Publish(new Finished(FinishReason.Stop) { Sequence = 2000 });
        for (int i = 1; i <= 2000; i++)
        {
            Assert.True(await events.MoveNextAsync());
            Assert.Equal(i, events.Current.Sequence);
        }

        Assert.False(await events.MoveNextAsync());
    }

    private static EventStream NewStream() => new(bufferMax: 4096, onRoom: () => { });

    private static TextDelta Text(long sequence) => new($"word {sequence}") { Sequence = sequence };
}
