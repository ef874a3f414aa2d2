using PixSearch.Abstractions;
using PixSearch.Inference.Toys;

namespace PixSearch.Inference.Engine;

/// <summary>
/// Goal: a log that takes its time costs the engine none, and still nobody sees an event that is not durable. Method: a
/// twin whose commits are done at once says which events each step makes.
/// </summary>
public sealed class CommitTests
{
    private const string Script = "plain words and nothing else, but long enough for two pages";
    private const int Before = 5;

    [Fact]
    public async Task Commit_UnderWay_NextStepRunsAndEventsWait()
    {
        using var twin = new EngineHarness();
        using var engine = new EngineHarness();
        (string id, TaskCompletionSource<IReadOnlyList<string>> commit) = Begin(twin, engine);
        int durable = engine.Events(id).Count;
        Assert.Equal(twin.Events(id).Count, durable);

        engine.Core.Tick();
        twin.Core.Tick();
        Assert.Equal(twin.Logs[id].Count, engine.Logs[id].Count);
        Assert.Equal(durable, engine.Events(id).Count);
        Assert.InRange(twin.Events(id).Count, durable + 1, int.MaxValue);

        // Seven steps more are computed meanwhile; the eighth waits for the commit when it is done.
        for (int i = 0; i < 7; i++)
        {
            Assert.True(engine.Core.Tick());
            twin.Core.Tick();
            Assert.Equal(durable, engine.Events(id).Count);
        }

        int steps = engine.Model.Steps;
        Task<bool> next = Task.Run(engine.Core.Tick);
        Assert.True(SpinWait.SpinUntil(() => engine.Model.Steps > steps, TimeSpan.FromSeconds(30)));
        Assert.Equal(durable, engine.Events(id).Count);

        engine.UnderWay = null;
        commit.SetResult([]);

        // Not shown by the engine's thread, which may be in the middle of a step.
        AssertShows(engine, id, durable);
        Assert.True(await next);
        twin.Core.Tick();
        Assert.Equal(twin.Text(id), engine.Text(id));
        engine.Run();
        Assert.Equal(Script, engine.Text(id));
        Assert.IsType<Finished>(engine.Events(id)[^1]);
    }

    [Fact]
    public void Commit_UnderWay_WhatCameMeanwhileGoesTogether()
    {
        using var twin = new EngineHarness();
        using var engine = new EngineHarness();
        (string id, TaskCompletionSource<IReadOnlyList<string>> commit) = Begin(twin, engine);
        int commits = engine.Commits;
        for (int i = 0; i < 5; i++)
        {
            engine.Core.Tick();
            twin.Core.Tick();
        }

        Assert.Equal(commits + 1, engine.Commits);
        int durable = engine.Events(id).Count;
        engine.UnderWay = null;
        commit.SetResult([]);
        AssertShows(engine, id, durable);
        Assert.InRange(engine.Events(id).Count, durable + 1, twin.Events(id).Count - 1);
        engine.Core.Tick();
        twin.Core.Tick();
        Assert.Equal(commits + 2, engine.Commits);
        Assert.Equal(twin.Events(id), engine.Events(id));
    }

    [Fact]
    public void Commits_OneAfterTheOtherUnderWay_EachEventIsShownOnce()
    {
        using var twin = new EngineHarness();
        using var engine = new EngineHarness();
        (string id, TaskCompletionSource<IReadOnlyList<string>> commit) = Begin(twin, engine);
        twin.Run();
        for (int commits = 0; commits < 4; commits++)
        {
            for (int i = 0; i < 5; i++)
            {
                Assert.True(engine.Core.Tick());
            }

            var next = new TaskCompletionSource<IReadOnlyList<string>>();
            engine.UnderWay = next.Task;
            commit.SetResult([]);
            commit = next;
        }

        engine.UnderWay = null;
        commit.SetResult([]);
        engine.Run();
        Assert.Equal(twin.Events(id), engine.Events(id));
        Assert.IsType<Finished>(engine.Events(id)[^1]);
    }

    [Fact]
    public void Commit_Interval_EventsOfStepsWithinItComeTogetherAndTheLastOnesAtOnce()
    {
        using var twin = new EngineHarness();
        using var engine = new EngineHarness { CommitInterval = TimeSpan.FromMilliseconds(10) };
        (string id, _) = Begin(twin, engine);
        engine.UnderWay = null;
        engine.Core.Tick();
        twin.Core.Tick();
        int held = twin.Events(id).Count - engine.Events(id).Count;
        Assert.InRange(held, 1, int.MaxValue);
        engine.Time.Advance(TimeSpan.FromMilliseconds(10));
        engine.Core.Tick();
        twin.Core.Tick();
        Assert.Equal(twin.Text(id), engine.Text(id));
        engine.Run();
        Assert.Equal(Script, engine.Text(id));
        Assert.IsType<Finished>(engine.Events(id)[^1]);
    }

    [Fact]
    public void Commit_UnderWay_NothingLeftToCompute_EventsComeWhenItEnds()
    {
        using var twin = new EngineHarness();
        using var engine = new EngineHarness();
        (string id, TaskCompletionSource<IReadOnlyList<string>> commit) = Begin(twin, engine);
        engine.Core.Tick();
        commit.SetResult([]);
        twin.Run();
        engine.Run();
        Assert.IsType<Finished>(engine.Events(id)[^1]);
        Assert.Equal(twin.Events(id), engine.Events(id));
    }

    [Fact]
    public void Commit_UnderWay_SessionLost_IsDroppedWithoutAWord()
    {
        using var twin = new EngineHarness();
        using var engine = new EngineHarness();
        (string id, TaskCompletionSource<IReadOnlyList<string>> commit) = Begin(twin, engine);
        int durable = engine.Events(id).Count;
        engine.Core.Tick();
        engine.UnderWay = null;
        commit.SetResult([id]);
        TickUntilConcluded(engine);
        Assert.True(engine.Stream(id).IsClosed);
        Assert.Equal(durable, engine.Events(id).Count);
        Assert.Equal((0, 0), (engine.Core.SessionCount, engine.Core.Stats.PagesHeld));
        engine.Core.AssertInvariants();
        Assert.False(engine.Core.Tick());
    }

    [Fact]
    public void Commit_UnderWayFails_ReadersAreToldTheirSessionsEnded()
    {
        using var twin = new EngineHarness();
        using var engine = new EngineHarness();
        (string id, TaskCompletionSource<IReadOnlyList<string>> commit) = Begin(twin, engine);
        engine.Core.Tick();
        engine.UnderWay = null;
        commit.SetException(new IOException("the log is gone"));
        Assert.Throws<IOException>(() => TickUntilConcluded(engine));
        engine.Core.FailAll(PixErrorKind.Internal, "lost");
        Assert.IsType<Failed>(engine.Events(id)[^1]);
        Assert.Equal(0, engine.Core.SessionCount);
    }

    private static void AssertShows(EngineHarness engine, string id, int before) =>
        Assert.True(SpinWait.SpinUntil(() => engine.Events(id).Count > before, TimeSpan.FromSeconds(30)));

    /// <summary>The steps after which the engine waits for what is under way.</summary>
    private static void TickUntilConcluded(EngineHarness engine)
    {
        for (int i = 0; i < 8; i++)
        {
            engine.Core.Tick();
        }
    }

    /// <summary>Two engines in the middle of the same answer; the second's next commit takes its time.</summary>
    private static (string Id, TaskCompletionSource<IReadOnlyList<string>> Commit) Begin(EngineHarness twin,
        EngineHarness engine)
    {
        string id = twin.Submit(Script);
        Assert.Equal(id, engine.Submit(Script));
        for (int i = 0; i < Before; i++)
        {
            twin.Core.Tick();
            engine.Core.Tick();
        }

        var commit = new TaskCompletionSource<IReadOnlyList<string>>();
        engine.UnderWay = commit.Task;
        return (id, commit);
    }
}
