using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Inference.Sessions;
using PixSearch.Inference.Toys;

namespace PixSearch.Inference.Engine;

/// <summary>The engine on a model that notices every wrong page: what sessions say must not depend on what runs
/// beside them.</summary>
public sealed class EngineCoreTests
{
    private const string Plain = "plain words and nothing else, but long enough for two pages";
    private const string Region = "The CAR<search><region></search> is red, the DOG is not.";
    private const string Two = "A CAT<search><region></search> of <search>which kind?</search> kind.";

    [Fact]
    public void Tick_OneSession_WritesItsScriptMasksAndSearches()
    {
        using var engine = new EngineHarness();
        string id = engine.Submit(Region, picture: 3);
        engine.Run();

        Assert.Equal("The CAR is red, the DOG is not.", engine.Text(id));
        Assert.Equal(["CAR", "DOG"], engine.Events(id).OfType<MaskFound>().Select(mask => mask.TextSpan));
        SearchStarted search = engine.Events(id).OfType<SearchStarted>().Single();
        Assert.Equal((SearchModality.Region, "CAR", 1), (search.Modality, search.Query, search.MaskId));
        // The crop is the mask's one pixel.
        Assert.StartsWith("T: 1x1:", engine.Events(id).OfType<Evidence>().Single().Text);
        Assert.Equal(FinishReason.Stop, Assert.IsType<Finished>(engine.Events(id)[^1]).Reason);
        AssertIdle(engine);
    }

    [Theory]
    [InlineData(PausePolicy.Keep, 256)]
    [InlineData(PausePolicy.Drop, 256)]
    [InlineData(PausePolicy.Cost, 256)]
    [InlineData(PausePolicy.Cost, 32)]
    [InlineData(PausePolicy.Keep, 32)]
    [InlineData(PausePolicy.Drop, 32)]
    public void Tick_ManySessions_SayWhatEachSaysAlone(PausePolicy policy, int pages)
    {
        string[] scripts = [Plain, Region, Two, Two, Plain, Region, "x", Plain + Two];
        string[] alone = [.. scripts.Select((script, i) => Alone(script, i))];
        var options = new EngineOptions { PageCount = pages, PausePolicy = policy, TokenBudget = 40 };
        using var engine = new EngineHarness(options, new ToyModel(contextLength: 512));
        string[] ids = [.. scripts.Select((script, i) => engine.Submit(script, 1 + (i % 3), options: Sampled(i)))];
        engine.Run();

        Assert.Equal(alone, ids.Select(id => Json(engine.Events(id))));
        Assert.True(engine.Model.BatchMax > 1, "sessions were not computed together");
        Assert.True(pages > 32 || engine.Core.Stats.Preemptions > 0, "the small store never ran out of pages");
        AssertIdle(engine);

        static SessionOptions Sampled(int i) => new()
        {
            Sampling = new SamplingOptions { Temperature = i % 2 * 0.9f, Seed = (ulong)i, TopP = 0.95f },
        };

        static string Alone(string script, int i)
        {
            using var engine = new EngineHarness(null, new ToyModel(contextLength: 512));
            string id = engine.Submit(script, 1 + (i % 3), options: Sampled(i));
            engine.Run();
            return Json(engine.Events(id));
        }
    }

    [Fact]
    public void Submit_SamePromptAndPicture_ReusesPagesAndEncoding()
    {
        using var engine = new EngineHarness();
        engine.Submit(Plain, picture: 2);
        engine.Run();
        long before = engine.Core.Stats.RowsCached;
        string second = engine.Submit(Plain, picture: 2);
        engine.Run();

        Assert.Equal(0, before);
        Assert.True(engine.Core.Stats.RowsCached >= 64, $"{engine.Core.Stats.RowsCached} rows came from the cache");
        Assert.Equal(1, engine.Core.Stats.ImageEncodings);
        Assert.Equal(Plain, engine.Text(second));
    }

    [Fact]
    public void Submit_OtherTenantOrPicture_SharesNothing()
    {
        using var engine = new EngineHarness();
        engine.Submit(Plain, picture: 2);
        engine.Run();
        engine.Submit(Plain, picture: 2, tenant: "other");
        engine.Submit(Plain, picture: 4);
        engine.Run();

        Assert.Equal(0, engine.Core.Stats.RowsCached);
        Assert.Equal(3, engine.Core.Stats.ImageEncodings);
    }

    [Fact]
    public void Submit_FullyVisiblePicture_IsNeverSplitByChunksOrCacheHits()
    {
        var options = new EngineOptions { PageCount = 256, PageSize = 4, TokenBudget = 4 };
        using var engine = new EngineHarness(options, new ToyModel { FullPicture = true });
        string[] ids = [engine.Submit(Plain, 2), engine.Submit(Plain, 2)];
        engine.Run();
        string third = engine.Submit(Plain, 2);
        engine.Run();

        Assert.All([.. ids, third], id => Assert.Equal(Plain, engine.Text(id)));
        Assert.True(engine.Core.Stats.RowsCached > 0);
    }

    [Fact]
    public void Cancel_AnyMoment_GivesEverythingBack()
    {
        for (int steps = 0; steps < 60; steps++)
        {
            using var engine = new EngineHarness();
            string id = engine.Submit(Region, picture: 3);
            string other = engine.Submit(Two, picture: 3);
            for (int i = 0; i < steps; i++)
            {
                engine.Core.Tick();
            }

            bool running = !engine.Stream(id).IsClosed;
            Assert.Equal(running, engine.Core.Cancel(id));
            Assert.False(engine.Core.Cancel(id));
            Assert.DoesNotContain(engine.Searches, call => call.SessionId == id);
            engine.Run();

            Assert.Equal("A CAT of  kind.", engine.Text(other));
            Assert.Single(engine.Events(id), item => item is Finished or Failed);
            AssertIdle(engine);
        }
    }

    [Fact]
    public void Submit_Full_AnswersOverloadedWithATimeToWait()
    {
        using var engine = new EngineHarness(new EngineOptions { SessionsMax = 2, PageCount = 256 });
        engine.Submit(Plain);
        engine.Submit(Plain);
        PixException error = Assert.Throws<PixException>(() => engine.Submit(Plain));

        Assert.Equal(PixErrorKind.Overloaded, error.Kind);
        Assert.InRange(error.RetryAfter!.Value.TotalSeconds, 1, 60);
        Assert.Contains("SessionsMax", error.Message);
        engine.Run();
        engine.Submit(Plain);
    }

    [Fact]
    public void Submit_PromptLongerThanContext_SaysHowLong()
    {
        using var engine = new EngineHarness();
        PixException error = Assert.Throws<PixException>(() => engine.Submit(new string('x', 600)));

        Assert.Equal(PixErrorKind.InvalidArgument, error.Kind);
        Assert.Contains("608", error.Message);
        Assert.Equal(0, engine.Core.SessionCount);
    }

    [Fact]
    public void Tick_PoisonedRequest_FailsAlone()
    {
        using var engine = new EngineHarness();
        string[] good = [engine.Submit(Plain), engine.Submit(Region, 1), engine.Submit(Two, 1)];
        string bad = engine.Submit("now \u0007 it breaks");
        string[] more = [engine.Submit(Plain + "!"), engine.Submit(Region + "!", 2)];
        engine.Run();

        Assert.All([.. good, .. more], id => Assert.IsType<Finished>(engine.Events(id)[^1]));
        Assert.Equal(Plain + "!", engine.Text(more[0]));
        Assert.Equal(PixErrorKind.Internal, Assert.IsType<Failed>(engine.Events(bad)[^1]).Kind);
        Assert.True(engine.Core.Stats.Bisections > 0);
        AssertIdle(engine);
    }

    [Fact]
    public async Task Tick_SlowReader_StopsBeingScheduledUntilItReads()
    {
        using var engine = new EngineHarness(new EngineOptions { EventBufferMax = 10, PageCount = 256 });
        string id = engine.Submit(Plain);
        engine.Run();
        int held = engine.Events(id).Count;
        Assert.InRange(held, 10, 12);

        await engine.ReadAllAsync(id);
        engine.Run();
        Assert.True(engine.Events(id).Count > held);

        engine.Time.Advance(TimeSpan.FromSeconds(61));
        engine.Run();
        Failed failed = Assert.IsType<Failed>(engine.Events(id)[^1]);
        Assert.Contains("ReaderTimeout", failed.Message);
        AssertIdle(engine);
    }

    [Fact]
    public void Expire_DeadlinePassed_EndsTheSession()
    {
        using var engine = new EngineHarness();
        string id = engine.Submit(Region, 1, deadline: engine.Time.GetUtcNow() + TimeSpan.FromSeconds(5));
        engine.Run(answer: false);
        Assert.Equal(engine.Time.GetUtcNow().Second < 5, engine.Core.NextWake() is not null);
        engine.Time.Advance(TimeSpan.FromSeconds(6));
        engine.Run();

        Assert.Equal(PixErrorKind.DeadlineExceeded, Assert.IsType<Failed>(engine.Events(id)[^1]).Kind);
        Assert.Empty(engine.Searches);
        AssertIdle(engine);
    }

    [Fact]
    public void Expire_SearchTooSlow_GoesOnWithPartialEvidence()
    {
        using var engine = new EngineHarness();
        string id = engine.Submit(Region, 1, options: new SessionOptions { SearchTimeout = TimeSpan.FromSeconds(2) });
        engine.Run(answer: false);
        SearchCall late = Assert.Single(engine.Searches);
        engine.Time.Advance(TimeSpan.FromSeconds(3));
        engine.Run();
        engine.Core.CompleteSearch(id, late.Turn, EngineHarness.Hits(late.Query), null);

        Evidence evidence = engine.Events(id).OfType<Evidence>().Single();
        Assert.True(evidence.Partial);
        Assert.Equal(SearchProtocol.NothingFound, evidence.Text);
        Assert.IsType<Finished>(engine.Events(id)[^1]);
    }

    [Fact]
    public void CompleteSearch_IndexMissing_FailsTheSessionWithItsMessage()
    {
        using var engine = new EngineHarness();
        string id = engine.Submit(Region, 1);
        engine.Run(answer: false);
        engine.Core.CompleteSearch(id, 1, null, new PixException(PixErrorKind.NotFound, "no index 'x'"));
        engine.Run();

        Assert.Equal("no index 'x'", Assert.IsType<Failed>(engine.Events(id)[^1]).Message);
        AssertIdle(engine);
    }

    [Fact]
    public void Submit_ReplayFromEveryLogEntry_GoesOnByteForByte()
    {
        var options = new SessionOptions { Sampling = new SamplingOptions { Temperature = 0.8f, Seed = 4 } };
        using var first = new EngineHarness();
        string id = first.Submit(Two + Region, picture: 3, options: options);
        first.Run();
        string expected = Json(first.Events(id));
        List<LogEntry> log = first.Logs[id];

        for (int cut = 0; cut <= log.Count; cut++)
        {
            using var second = new EngineHarness();
            second.Submit(first.Requests[id] with { Replay = log[..cut] });
            second.Run();
            Assert.Equal(expected, Json(second.Events(id)));
            AssertIdle(second);
        }
    }

    [Fact]
    public void HandOver_AtEveryTick_AnotherEngineGoesOnByteForByte()
    {
        using var whole = new EngineHarness();
        string id = whole.Submit(Two + Region, picture: 3);
        whole.Run();
        string expected = Json(whole.Events(id));

        for (int ticks = 0; ; ticks++)
        {
            using var first = new EngineHarness();
            string same = first.Submit(whole.Requests[id]);
            for (int i = 0; i < ticks; i++)
            {
                first.Core.Tick();
                if (first.Searches.Count > 0)
                {
                    first.AnswerFirst();
                }
            }

            if (!first.Core.HandOver(same))
            {
                Assert.Equal(expected, Json(first.Events(same)));
                return;
            }

            Assert.True(first.Stream(same).IsClosed);
            Assert.DoesNotContain(first.Events(same), item => item is Finished or Failed);
            Assert.DoesNotContain(same, first.Ended);
            AssertIdle(first);
            using var second = new EngineHarness();
            second.Submit(first.Requests[same] with { Replay = first.Logs[same] });
            second.Run();
            Assert.Equal(expected, Json(second.Events(same)));
        }
    }

    [Fact]
    public void Commit_SessionOwnedElsewhere_IsDroppedWithoutAWord()
    {
        using var engine = new EngineHarness();
        string lost = engine.Submit(Plain);
        string kept = engine.Submit(Plain);
        engine.Core.Tick();
        int seen = engine.Events(lost).Count;
        engine.Lost.Add(lost);
        engine.Run();

        Assert.Equal(seen, engine.Events(lost).Count);
        Assert.True(engine.Stream(lost).IsClosed);
        Assert.IsType<Finished>(engine.Events(kept)[^1]);
        AssertIdle(engine);
    }

    [Fact]
    public void Schedule_TenantWithManyRequests_DoesNotHoldUpAnother()
    {
        using var engine = new EngineHarness(new EngineOptions { RunningMax = 2, PageCount = 256 });
        string[] greedy = [.. Enumerable.Range(0, 20).Select(_ => engine.Submit(Plain, tenant: "many"))];
        string modest = engine.Submit(Plain, tenant: "one");
        while (!engine.Stream(modest).IsClosed)
        {
            engine.Core.Tick();
        }

        // Two were running, and the next place went to the tenant that had received least.
        Assert.InRange(greedy.Count(id => engine.Stream(id).IsClosed), 0, 4);
    }

    [Fact]
    public void Schedule_Priority_OrdersWithinATenant()
    {
        using var engine = new EngineHarness(new EngineOptions { RunningMax = 1, PageCount = 256 });
        string first = engine.Submit(Plain);
        string low = engine.Submit(Plain, priority: 0);
        string high = engine.Submit(Plain, priority: 5);
        engine.Core.Tick();
        while (!engine.Stream(high).IsClosed)
        {
            engine.Core.Tick();
        }

        Assert.True(engine.Stream(first).IsClosed || !engine.Stream(low).IsClosed);
        Assert.False(engine.Stream(low).IsClosed);
    }

    private static void AssertIdle(EngineHarness engine)
    {
        EngineStats stats = engine.Core.Stats;
        Assert.Equal((0, 0, 0), (engine.Core.SessionCount, stats.PagesHeld, stats.ImageReferences));
        engine.Core.AssertInvariants();
    }

    private static string Json(IReadOnlyList<SessionEvent> events) => JsonSerializer.Serialize(events);
}
