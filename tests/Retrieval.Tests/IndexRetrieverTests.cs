using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Retrieval.Tests;

/// <summary>
/// Goal: the port's promises: legs, deadlines, flagged loss, cache, fusion. Method: real indexes, a clock of our own.
/// </summary>
public sealed class IndexRetrieverTests
{
    [Fact]
    public async Task SearchAsync_EachModality_UsesItsLeg()
    {
        using var world = new World();
        RetrievalResult text = await world.Retriever.SearchAsync(Text("capital of Sweden"), default);
        RetrievalResult image = await world.Retriever.SearchAsync(Picture(SearchModality.Image, 0), default);
        RetrievalResult region = await world.Retriever.SearchAsync(Picture(SearchModality.Region, 2), default);
        Assert.Equal(("flag:SE", SearchModality.Text), (text.Hits[0].DocumentId, text.Hits[0].Leg));
        Assert.Equal(("flag:FJ", SearchModality.Image), (image.Hits[0].DocumentId, image.Hits[0].Leg));
        Assert.Equal(("flag:FR", SearchModality.Region), (region.Hits[0].DocumentId, region.Hits[0].Leg));
        Assert.False(text.Partial || image.Partial || region.Partial);
    }

    [Fact]
    public async Task SearchAsync_PictureLate_IsPartialAndNotCached()
    {
        var time = new ManualTime();
        using var world = new World(new RetrieverOptions { PictureDeadline = TimeSpan.FromSeconds(3) }, time);
        using var gate = new ManualResetEventSlim();
        world.Encoder.Before = gate.Wait;
        ValueTask<RetrievalResult> search = world.Retriever.SearchAsync(Picture(SearchModality.Region, 1), default);
        await time.FirstTimer;
        time.Advance(TimeSpan.FromSeconds(3));
        RetrievalResult late = await search;
        Assert.True(late.Partial);
        Assert.Empty(late.Hits);
        Assert.Equal(["Region:a late"], world.Lost);
        gate.Set();
        world.Encoder.Before = null;
        RetrievalResult again = await world.Retriever.SearchAsync(Picture(SearchModality.Region, 1), default);
        Assert.False(again.Partial);
        Assert.Equal("flag:DE", again.Hits[0].DocumentId);
    }

    [Fact]
    public async Task SearchAsync_OneLegFails_GivesTheOthersAndSaysPartial()
    {
        using var world = new World(new RetrieverOptions { FuseTextOfPictureQueries = true });
        world.Encoder.Before = () => throw new InvalidOperationException("no memory");
        RetrievalResult result = await world.Retriever.SearchAsync(
            Picture(SearchModality.Region, 1) with { Text = "Sweden" }, default);
        Assert.True(result.Partial);
        Assert.Equal("flag:SE", Assert.Single(result.Hits).DocumentId);
        Assert.Equal(["Region:a no memory"], world.Lost);
    }

    [Fact]
    public async Task SearchAsync_TwoIndexes_FusesTheirRanks()
    {
        using var world = new World();
        RetrievalResult result = await world.Retriever.SearchAsync(Text("euro") with { Index = "a, b" }, default);

        // Both indexes hold the same documents: rank 1 twice is 2/61, rank 2 twice 2/62.
        Assert.Equal(2, result.Hits.Count);
        Assert.Equal(2f / 61, result.Hits[0].Score, 6);
        Assert.Equal(2f / 62, result.Hits[1].Score, 6);
    }

    [Fact]
    public async Task SearchAsync_SameQueryAgain_IsServedFromTheCache()
    {
        using var world = new World();
        RetrievalResult first = await world.Retriever.SearchAsync(Picture(SearchModality.Region, 3), default);
        int calls = world.Encoder.Calls;
        RetrievalResult second = await world.Retriever.SearchAsync(Picture(SearchModality.Region, 3), default);
        Assert.Same(first, second);
        Assert.Equal(calls, world.Encoder.Calls);
        Assert.NotSame(first, await world.Retriever.SearchAsync(Picture(SearchModality.Image, 3), default));
        Assert.Equal(2, world.Retriever.Cache.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(101)]
    [InlineData(-5)]
    public async Task SearchAsync_TopKOutOfRange_NamesLimit(int topK)
    {
        using var world = new World();
        PixException error = await Assert.ThrowsAsync<PixException>(
            async () => await world.Retriever.SearchAsync(Text("x") with { TopK = topK }, default));
        Assert.Equal(PixErrorKind.InvalidArgument, error.Kind);
        Assert.Contains($"{topK} hits; the range is 1 to 100", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SearchAsync_UnknownIndex_IsNotFound()
    {
        using var world = new World();
        PixException error = await Assert.ThrowsAsync<PixException>(
            async () => await world.Retriever.SearchAsync(Text("x") with { Index = "zoo" }, default));
        Assert.Equal(PixErrorKind.NotFound, error.Kind);
        Assert.Contains("\"zoo\"; there is a, b", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SearchAsync_RegionWithoutPicture_IsInvalid()
    {
        using var world = new World();
        PixException error = await Assert.ThrowsAsync<PixException>(async () =>
            await world.Retriever.SearchAsync(new RetrievalQuery("", SearchModality.Region, "", null, 1), default));
        Assert.Equal(PixErrorKind.InvalidArgument, error.Kind);
    }

    [Fact]
    public async Task SearchAsync_CallerCancels_Throws()
    {
        using var world = new World();
        using var cancel = new CancellationTokenSource();
        world.Encoder.Before = cancel.Cancel;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await world.Retriever.SearchAsync(Picture(SearchModality.Region, 1), cancel.Token));
    }

    [Fact]
    public async Task SearchAsync_LongSnippet_IsCutNotInsideACharacter()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder[KnowledgeBase.DocumentsFile], """{"id":"a","title":"Flag","text":"ab🇫🇯"}""");
        Knowledge.Build(folder.Path, folder["index"], null);
        using var retriever =
            IndexRetriever.Open(folder["index"], null, new RetrieverOptions { SnippetCharactersMax = 3 });
        Assert.Equal("ab", (await retriever.SearchAsync(Text("flag"), default)).Hits[0].Snippet);
    }

    [Fact]
    public void Options_OutOfRange_NamesValueAndRange()
    {
        PixException error = Assert.Throws<PixException>(() => new RetrieverOptions { EncodesMax = 0 }.Check());
        Assert.Contains("EncodesMax is 0; it must be 1 to 256", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fuse_ThreeLists_SumsReciprocalRanks()
    {
        IReadOnlyList<EvidenceHit> fused = RankFusion.Fuse(
            [[Hit("x"), Hit("y")], [Hit("y"), Hit("z"), Hit("y")], [Hit("z")]], 10);
        Assert.Equal(["y", "z", "x"], fused.Select(hit => hit.DocumentId));
        Assert.Equal((1f / 62) + (1f / 61), fused[0].Score, 6);
        Assert.Equal((1f / 62) + (1f / 61), fused[1].Score, 6);
        Assert.Equal(1f / 61, fused[2].Score, 6);
    }

    [Fact]
    public void Cache_BeyondBounds_DropsTheLeastRecent()
    {
        var result = new RetrievalResult([Hit("x")], false);
        long size = ResultCache.Size("1", result);
        var cache = new ResultCache(10, size * 2);
        cache.Put("1", result);
        cache.Put("2", result);
        Assert.True(cache.TryGet("1", out _));
        cache.Put("3", result);
        Assert.False(cache.TryGet("2", out _));
        Assert.True(cache.TryGet("1", out _) && cache.TryGet("3", out _));
        Assert.Equal((2, size * 2), (cache.Count, cache.Bytes));
        cache.Put("large", new RetrievalResult([Hit(new string('y', 1000))], false));
        Assert.False(cache.TryGet("large", out _));
        Assert.Equal(2, cache.Count);
    }

    private static EvidenceHit Hit(string id) => new(id, id, "", 1, SearchModality.Text);

    private static RetrievalQuery Text(string text) => new("", SearchModality.Text, text, null, 3);

    private static RetrievalQuery Picture(SearchModality modality, int flag)
    {
        RgbImage image = Knowledge.Solid(16, 8, Knowledge.Flags[flag].Colour);
        return new RetrievalQuery("", modality, "", new RgbPixels(image.Width, image.Height, image.Memory), 3);
    }

    /// <summary>
    /// Two indexes of the same flags, "a" (default) and "b", and what the retriever reported as lost.
    /// </summary>
    private sealed class World : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public World(RetrieverOptions? options = null, TimeProvider? time = null)
        {
            Knowledge.Write(_folder["kb"]);
            Knowledge.Build(_folder["kb"], _folder["a"], Encoder);
            Knowledge.Build(_folder["kb"], _folder["b"], Encoder);
            var indexes = new Dictionary<string, SearchIndex>(StringComparer.Ordinal)
            {
                ["a"] = SearchIndex.Open(_folder["a"], Encoder),
                ["b"] = SearchIndex.Open(_folder["b"], Encoder),
            };
            options = (options ?? new RetrieverOptions()) with { OnLegLost = (leg, reason) =>
                Lost.Add($"{leg} {reason}") };
            Retriever = new IndexRetriever(indexes, "a", Encoder, options, time);
        }

        public GridEncoder Encoder { get; } = new();

        public IndexRetriever Retriever { get; }

        public List<string> Lost { get; } = [];

        public void Dispose()
        {
            Retriever.Dispose();
            _folder.Dispose();
        }
    }
}
