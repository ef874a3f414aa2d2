using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Toys;
using PixSearch.Node;

namespace PixSearch.Simulation;

/// <summary>A node on its real engine thread: what front doors rely on.</summary>
public sealed class EmbeddedNodeTests
{
    private const string Script = "The CAR<search><region></search> is red, the DOG<search>which dog?</search> is not.";
    private const string Text = "The CAR is red, the DOG is not.";

    private static readonly byte[] s_picture =
        PictureCodec.EncodePng(new RgbImage(9, 7, [.. Enumerable.Range(0, 9 * 7 * 3).Select(i => (byte)i)]));

    [Fact]
    public async Task StartAsync_Question_StreamsTheWholeSession()
    {
        await using var host = new Host();
        string id = await host.Node.StartAsync(Ask(), default);
        List<SessionEvent> events = await ReadAsync(host.Node, id);

        Assert.Equal(Text, TextOf(events));
        Assert.Equal([1, 2], events.OfType<SearchStarted>().Select(search => search.Turn));
        Assert.Equal(["CAR", "DOG"], events.OfType<MaskFound>().Select(mask => mask.TextSpan));
        Assert.IsType<Finished>(events[^1]);
        Assert.Equal(new SessionInfo("t", "toy", Over: true), await host.Node.FindAsync(id, default));
    }

    [Fact]
    public async Task ReadAsync_FromSequence_GoesOnWhereTheReaderWas()
    {
        await using var host = new Host();
        string id = await host.Node.StartAsync(Ask(), default);
        List<SessionEvent> all = await ReadAsync(host.Node, id);
        List<SessionEvent> rest = await ReadAsync(host.Node, id, from: 5);

        Assert.Equal(all.Skip(5), rest);
        Assert.Empty(await ReadAsync(host.Node, id, from: 10_000));
    }

    [Fact]
    public async Task ReadAsync_UnknownSession_IsNotFound()
    {
        await using var host = new Host();
        PixException error = await Assert.ThrowsAsync<PixException>(() => ReadAsync(host.Node, "nobody"));

        Assert.Equal(PixErrorKind.NotFound, error.Kind);
        Assert.Null(await host.Node.FindAsync("nobody", default));
        Assert.False(await host.Node.CancelAsync("nobody", default));
    }

    [Theory]
    [InlineData("", "", "empty")]
    [InlineData("x", "other", "toy")]
    public async Task StartAsync_BadRequest_SaysWhatIsWrong(string question, string model, string expected)
    {
        await using var host = new Host();
        PixException error = await Assert.ThrowsAsync<PixException>(
            () => host.Node.StartAsync(Ask(question) with { Model = model }, default).AsTask());

        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public async Task StartAsync_BrokenPicture_TouchesNobodyElse()
    {
        await using var host = new Host();
        string good = await host.Node.StartAsync(Ask(), default);
        PixException error = await Assert.ThrowsAsync<PixException>(
            () => host.Node.StartAsync(Ask() with { Picture = s_picture.AsMemory(0, 40) }, default).AsTask());

        Assert.Equal(PixErrorKind.InvalidPicture, error.Kind);
        Assert.Equal(Text, TextOf(await ReadAsync(host.Node, good)));
    }

    [Fact]
    public async Task StartAsync_ManyAtOnce_EachGetsItsOwnAnswer()
    {
        await using var host = new Host();
        string[] scripts = [.. Enumerable.Range(0, 48).Select(i => $"number {i} <search>{i}</search>and CAR {i} done")];
        string[] answers = await Task.WhenAll(scripts.Select(async script =>
        {
            string id = await host.Node.StartAsync(Ask(script), default);
            return TextOf(await ReadAsync(host.Node, id));
        }));

        Assert.Equal(Enumerable.Range(0, 48).Select(i => $"number {i} and CAR {i} done"), answers);
        EngineStats stats = await host.Node.StatsAsync();
        Assert.Equal((0, 0, 1L), (stats.PagesHeld, stats.ImageReferences, stats.ImageEncodings));
    }

    [Fact]
    public async Task CancelAsync_ThousandSessions_GivesEverythingBackAtOnce()
    {
        await using var host = new Host(retriever: new SilentRetriever());
        for (int round = 0; round < 20; round++)
        {
            string[] ids = await Task.WhenAll(Enumerable.Range(0, 50).Select(
                async _ => await host.Node.StartAsync(Ask(), default)));
            bool[] cancelled = await Task.WhenAll(ids.Select(async id => await host.Node.CancelAsync(id, default)));
            EngineStats stats = await host.Node.StatsAsync();

            Assert.All(cancelled, Assert.True);
            Assert.Equal((0, 0, 0), (stats.PagesHeld, stats.ImageReferences,
                stats.SessionsRunning + stats.SessionsWaiting + stats.SessionsSearching));
            Failed failed = Assert.IsType<Failed>((await ReadAsync(host.Node, ids[7]))[^1]);
            Assert.Equal(PixErrorKind.Cancelled, failed.Kind);
        }
    }

    [Fact]
    public async Task DisposeAsync_SessionsUnderWay_EndsThemUnavailable()
    {
        var host = new Host(retriever: new SilentRetriever());
        string id = await host.Node.StartAsync(Ask(), default);
        Task<List<SessionEvent>> reading = ReadAsync(host.Node, id);
        await host.DisposeAsync();

        Assert.Equal(PixErrorKind.Unavailable, Assert.IsType<Failed>((await reading)[^1]).Kind);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task ResumeAsync_ProcessEndedInsideASearch_GoesOnByteForByte(int answered)
    {
        AnswerRequest request = Ask() with { Sampling = new SamplingOptions { Temperature = 0.4f, Seed = 9 } };
        string folder = Directory.CreateTempSubdirectory("pixsearch-store-").FullName;
        try
        {
            string expected = await UninterruptedAsync(request);
            string id;
            var stuck = new CountingRetriever(answered - 1);
            await using (var first = new Host(folder, stuck))
            {
                id = await first.Node.StartAsync(request, default);
                await stuck.Stuck;
            }

            await using var second = new Host(folder);
            Assert.Equal(1, await second.Node.ResumeAsync());
            Assert.Equal(expected, Json(await ReadAsync(second.Node, id)));

            await second.DisposeAsync();
            await using var third = new Host(folder);
            Assert.Equal(0, await third.Node.ResumeAsync());
            Assert.Equal(new SessionInfo("t", "toy", Over: true), await third.Node.FindAsync(id, default));
            Assert.Equal(expected, Json(await ReadAsync(third.Node, id)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        static async Task<string> UninterruptedAsync(AnswerRequest request)
        {
            await using var host = new Host();
            return Json(await ReadAsync(host.Node, await host.Node.StartAsync(request, default)));
        }
    }

    [Fact]
    public async Task StartAsync_EngineIsFull_RefusesBeforeThePictureIsLookedAt()
    {
        var stuck = new CountingRetriever(0);
        await using var host = new Host(retriever: stuck, sessionsMax: 1);
        await host.Node.StartAsync(Ask(), default);
        await stuck.Stuck;

        // Answered between two steps, so after the one that filled the engine.
        await host.Node.StatsAsync();
        PixException error = await Assert.ThrowsAsync<PixException>(
            () => host.Node.StartAsync(Ask() with { Picture = new byte[] { 1, 2, 3 } }, default).AsTask());

        Assert.Equal(PixErrorKind.Overloaded, error.Kind);
        Assert.Contains("SessionsMax", error.Message);
        Assert.True(error.RetryAfter >= TimeSpan.FromSeconds(1));
        Assert.Equal(1, (await host.Node.StatsAsync()).SessionsRefused);
    }

    [Fact]
    public async Task StartAsync_StoreKeptSessionsLongEnough_ForgetsThem()
    {
        string folder = Directory.CreateTempSubdirectory("pixsearch-store-").FullName;
        try
        {
            var time = new ManualTime();
            await using var host = new Host(folder, time: time);
            string old = await host.Node.StartAsync(Ask(), default);
            await ReadAsync(host.Node, old);
            time.Advance(new NodeOptions().StoreRetention - TimeSpan.FromSeconds(1));
            string middle = await host.Node.StartAsync(Ask(), default);
            await ReadAsync(host.Node, middle);
            Assert.NotNull(await host.Node.FindAsync(old, default));

            time.Advance(TimeSpan.FromMinutes(6));
            await ReadAsync(host.Node, await host.Node.StartAsync(Ask(), default));
            Assert.Null(await host.Node.FindAsync(old, default));
            Assert.NotNull(await host.Node.FindAsync(middle, default));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task SegmentAsync_Phrases_GivesOneMaskEachInOrder()
    {
        await using var host = new Host();
        var segmenter = new NodeSegmenter(host.Node, [host.Model]);
        SegmentResult result = await segmenter.SegmentAsync(
            new SegmentRequest { Picture = s_picture, Phrases = ["CAR", "nothing", "the DOG."], Tenant = "t" },
                default);

        Assert.Equal((9, 7), (result.Width, result.Height));
        Assert.Equal(["CAR", "nothing", "the DOG."], result.Masks.Select(mask => mask.Phrase));
        Assert.Equal([1, 0, 1], result.Masks.Select(mask => mask.Box.Width * mask.Box.Height));
        Assert.Equal(1, (await host.Node.StatsAsync()).ImageEncodings);
    }

    [Fact]
    public async Task SegmentAsync_PointsOnAModelWithoutSam_AreRefusedByName()
    {
        await using var host = new Host();
        var request = new SegmentRequest { Picture = s_picture, Points = [[new SegmentPoint(1, 2, true)]] };
        PixException error = await Assert.ThrowsAsync<PixException>(
            () => new NodeSegmenter(host.Node, [host.Model]).SegmentAsync(request, default).AsTask());

        Assert.Equal(PixErrorKind.InvalidArgument, error.Kind);
        Assert.Contains("points and boxes", error.Message);
    }

    [Fact]
    public void SessionStore_FileIsNoDatabase_SaysWhich()
    {
        string folder = Directory.CreateTempSubdirectory("pixsearch-store-").FullName;
        File.WriteAllText(Path.Combine(folder, "sessions.db"), new string('x', 5_000));
        PixException error = Assert.Throws<PixException>(() => new SessionStore(folder, TimeProvider.System));
        Directory.Delete(folder, recursive: true);

        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains("sessions.db", error.Message);
    }

    private static AnswerRequest Ask(string question = Script) =>
        new() { Question = question, Picture = s_picture, Tenant = "t" };

    private static async Task<List<SessionEvent>> ReadAsync(EmbeddedNode node, string id, long from = 0)
    {
        var events = new List<SessionEvent>();
        await foreach (SessionEvent item in node.ReadAsync(id, from, default))
        {
            events.Add(item);
        }

        return events;
    }

    private static string TextOf(IEnumerable<SessionEvent> events) =>
        string.Concat(events.OfType<TextDelta>().Select(delta => delta.Text));

    private static string Json(IReadOnlyList<SessionEvent> events) => JsonSerializer.Serialize(events);

    /// <summary>A node, its model and its store.</summary>
    private sealed class Host : IAsyncDisposable
    {
        public ToyModel Model { get; } = new();
        private readonly SessionStore? _store;
        private bool _disposed;

        public Host(string? folder = null, IRetriever? retriever = null, TimeProvider? time = null,
            int sessionsMax = 64)
        {
            _store = folder is null ? null : new SessionStore(folder, time ?? TimeProvider.System);
            var options = new NodeOptions { Engine = new EngineOptions { PageCount = 512, SessionsMax = sessionsMax } };
            Node = new EmbeddedNode([Model], retriever ?? new CountingRetriever(int.MaxValue), [], options,
                time, _store);
        }

        public EmbeddedNode Node { get; }

        public async ValueTask DisposeAsync()
        {
            if (!_disposed)
            {
                _disposed = true;
                await Node.DisposeAsync();
                _store?.Dispose();
                Model.Dispose();
            }
        }
    }

    /// <summary>Answers a number of searches by their query, then none.</summary>
    private sealed class CountingRetriever(int answers) : IRetriever
    {
        private readonly TaskCompletionSource _stuck = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _count;

        public Task Stuck => _stuck.Task;

        public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
        {
            if (Interlocked.Increment(ref _count) > answers)
            {
                _stuck.TrySetResult();
                await new TaskCompletionSource().Task.WaitAsync(cancellation);
            }

            string text = query.Text.Length > 0 ? query.Text : $"{query.Picture!.Width}";
            return new RetrievalResult([new EvidenceHit("d", "T", text, 1, query.Modality)], Partial: false);
        }
    }

    /// <summary>Never answers.</summary>
    private sealed class SilentRetriever : IRetriever
    {
        public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
        {
            await new TaskCompletionSource().Task.WaitAsync(cancellation);
            throw new InvalidOperationException("unreachable");
        }
    }
}
