using PixSearch.Abstractions;

namespace PixSearch.Retrieval.Tests;

/// <summary>
/// T11 of the serving reference for indexes that grow while they are searched: what was acknowledged is found, also
/// after a crash at any byte of the log, and damage is told, never answered from.
/// </summary>
public sealed class IndexWriterTests
{
    [Fact]
    public async Task Ingest_IntoFinishedIndex_IsFoundAtOnceByTextAndPicture()
    {
        using var world = new World();
        byte[] green = [20, 220, 40];
        IngestReport report = await world.AddAsync(Document("flag:BR", "Brazil", "capital Brasilia", green));
        Assert.Equal((1, 0), (report.Added, report.Refused));
        Assert.Equal(["flag:BR"], world.Ids("Brasilia"));
        Assert.Equal("flag:BR", world.Nearest(green));
        Assert.Equal(["flag:FJ"], world.Ids("Suva"));
        Assert.Equal((5, 5), (world.Index.Manifest.Documents, world.Index.Manifest.Vectors));
    }

    [Fact]
    public async Task Ingest_SameId_ReplacesTextPostingsAndVector()
    {
        using var world = new World();
        byte[] colour = [250, 250, 10];
        await world.AddAsync(Document("flag:FJ", "Viti", "capital Lautoka", colour));
        Assert.Empty(world.Ids("Suva"));
        Assert.Equal(["flag:FJ"], world.Ids("Lautoka"));
        Assert.Equal("flag:FJ", world.Nearest(colour));
        Assert.NotEqual("flag:FJ", world.Nearest(Knowledge.Flags[0].Colour));
        Assert.Equal((4, 4), (world.Index.Manifest.Documents, world.Index.Manifest.Vectors));
        await world.AddAsync(Document("flag:FJ", "Viti", "no picture any more", null),
            Document("flag:FJ", "Viti", "twice in one batch", null));
        Assert.Equal((4, 3), (world.Index.Manifest.Documents, world.Index.Manifest.Vectors));
        Assert.Equal(["flag:FJ"], world.Ids("batch"));
        Assert.Empty(world.Ids("picture"));
    }

    [Fact]
    public async Task Ingest_BadDocuments_AreCountedWithReasonsAndStopNobody()
    {
        using var world = new World();
        IngestReport report = await world.AddAsync(
            Document("", "t", "x", null), Document("a", "", "x", null),
            Document("b", "t", new string('x', 70_000), null),
            new IndexDocument("c", "t", "x", "no picture"u8.ToArray()), Document("good", "Good", "kept words", null));
        Assert.Equal((1, 4), (report.Added, report.Refused));
        Assert.Collection(report.Errors, one => Assert.StartsWith("Document number 1: its id has 0", one,
            StringComparison.Ordinal), one => Assert.StartsWith("Document \"a\": its title", one,
            StringComparison.Ordinal), one => Assert.Contains("65536", one, StringComparison.Ordinal),
            one => Assert.Contains("not a PX picture", one, StringComparison.Ordinal));
        Assert.Equal(["good"], world.Ids("kept"));
    }

    [Fact]
    public async Task Open_AfterIngest_FindsEverythingAgainAndTheFinishedDatabaseIsUntouched()
    {
        using var world = new World();
        byte[] before = await File.ReadAllBytesAsync(Path.Combine(world.Directory, IndexManifest.DatabaseName));
        byte[] red = [255, 0, 0];
        await world.AddAsync(Document("flag:CH", "Switzerland", "capital Bern", red));
        world.Close();
        Assert.Equal(before, await File.ReadAllBytesAsync(Path.Combine(world.Directory, IndexManifest.DatabaseName)));
        using SearchIndex again = SearchIndex.Open(world.Directory, new GridEncoder(), verify: true);
        Assert.True(again.IsLive);
        Assert.Equal("flag:CH", again.SearchText("Bern", 1)[0].DocumentId);
        Assert.Equal("flag:CH", again.SearchVector(new GridEncoder().Encode([Knowledge.Solid(9, 9, red)]), 1,
            SearchModality.Region)[0].DocumentId);
        PixException refused = Assert.Throws<PixException>(() => Knowledge.Build(
            Path.Combine(world.Directory, "..", "kb"), world.Directory, new GridEncoder()));
        Assert.Contains("would lose them", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ingest_SecondWriter_IsRefused()
    {
        using var world = new World();
        await world.AddAsync(Document("x", "X", "first", null));
        using SearchIndex other = SearchIndex.Open(world.Directory, new GridEncoder());
        using var writer = new IndexWriter(other, new GridEncoder(), Knowledge.Decode);
        PixException error = await Assert.ThrowsAsync<PixException>(() =>
            writer.IngestAsync(Stream(Document("y", "Y", "second", null)), default));
        Assert.Equal(PixErrorKind.PermissionDenied, error.Kind);
        Assert.Equal("x", other.SearchText("first", 1)[0].DocumentId);
    }

    [Fact]
    public async Task Crash_AtAnyByteOfTheLog_LeavesWholeBatchesInOrder()
    {
        using var world = new World();
        const int Batches = 6;
        for (int i = 0; i < Batches; i++)
        {
            await world.AddAsync(Document($"a{i}", $"Batch {i}", $"word{i}", [(byte)(40 * i), 9, 200]),
                Document($"b{i}", $"Batch {i}", $"more{i}", null));
        }

        // The files as a killed process leaves them: nothing is closed, nothing is folded back.
        string live = Path.Combine(world.Directory, "live.sqlite");
        byte[] database = await ReadSharedAsync(live);
        byte[] log = await ReadSharedAsync(live + "-wal");
        Assert.NotEmpty(log);
        var random = new SeededRandom(11);
        int mostFound = -1;
        for (int cut = 0; cut <= 24; cut++)
        {
            int length = cut == 24 ? log.Length : random.NextInt(log.Length);
            string folder = Path.Combine(world.Directory, "..", $"crash{cut}");
            Directory.CreateDirectory(folder);
            foreach (string name in (string[])[IndexManifest.FileName, IndexManifest.DatabaseName])
            {
                File.Copy(Path.Combine(world.Directory, name), Path.Combine(folder, name));
            }

            await File.WriteAllBytesAsync(Path.Combine(folder, "live.sqlite"), database);
            await File.WriteAllBytesAsync(Path.Combine(folder, "live.sqlite-wal"), log[..length]);
            using SearchIndex index = SearchIndex.Open(folder, new GridEncoder(), verify: true);
            bool[] found = [.. Enumerable.Range(0, Batches).Select(i => index.SearchText($"word{i}", 1).Count == 1)];
            bool[] second = [.. Enumerable.Range(0, Batches).Select(i => index.SearchText($"more{i}", 1).Count == 1)];
            Assert.Equal(found, second);
            int count = found.TakeWhile(static one => one).Count();
            Assert.True(found.Skip(count).All(static one => !one), $"seed 11, cut at {length}: a hole in the batches");
            Assert.Equal(4 + count, index.Manifest.Vectors);
            mostFound = Math.Max(mostFound, count);
        }

        Assert.Equal(Batches, mostFound);
    }

    [Fact]
    public async Task Damage_ByFlippedBits_IsToldOrDoesNotChangeTheAnswer()
    {
        using var world = new World();
        for (int i = 0; i < 20; i++)
        {
            await world.AddAsync(
                Document($"d{i}", $"Title {i}", $"body of number{i} and topic{i % 3}", [(byte)i, 90, 7]));
        }

        world.Close();
        string live = Path.Combine(world.Directory, "live.sqlite");
        byte[] bytes = await File.ReadAllBytesAsync(live);
        Assert.False(File.Exists(live + "-wal") && new FileInfo(live + "-wal").Length > 0);
        string expected = Answers(world.Directory);
        var random = new SeededRandom(12);
        int told = 0;
        for (int i = 0; i < 60; i++)
        {
            byte[] damaged = [.. bytes];
            int at = random.NextInt(bytes.Length);
            damaged[at] ^= (byte)(1 << random.NextInt(8));
            await File.WriteAllBytesAsync(live, damaged);
            try
            {
                Assert.Equal((at, expected), (at, Answers(world.Directory)));
            }
            catch (PixException error)
            {
                Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
                told++;
            }
        }

        Assert.InRange(told, 10, 60);
    }

    [Fact]
    public async Task Search_WhileDocumentsArrive_NeverFailsAndNeverGoesBack()
    {
        using var world = new World();
        using var stop = new CancellationTokenSource();
        float[] query = new GridEncoder().Encode([Knowledge.Solid(7, 7, [128, 128, 128])]);
        Task<int> reader = Task.Run(() =>
        {
            int seen = 0;
            while (!stop.IsCancellationRequested)
            {
                int now = world.Index.SearchText("common", 100).Count;
                Assert.True(now >= seen, $"{now} after {seen}");
                seen = now;
                Assert.NotEmpty(world.Index.SearchVector(query, 3, SearchModality.Image));
            }

            return seen;
        });
        for (int i = 0; i < 40; i++)
        {
            await world.AddAsync(Document($"n{i}", $"N {i}", "common word", [(byte)(i * 5), 200, 30]),
                Document("same", "Same", $"replaced {i}", [30, 30, (byte)(i * 6)]));
        }

        await stop.CancelAsync();
        Assert.InRange(await reader, 0, 40);
        Assert.Equal(40, world.Index.SearchText("common", 100).Count);
        Assert.Equal(["same"], world.Ids("replaced"));
        Assert.Equal((45, 45), (world.Index.Manifest.Documents, world.Index.Manifest.Vectors));
    }

    [Fact]
    public async Task Retriever_AfterIngest_DoesNotAnswerFromItsCache()
    {
        using var world = new World();
        using var retriever = new IndexRetriever(
            new Dictionary<string, SearchIndex> { ["flags"] = world.Index }, "flags", new GridEncoder());
        var query = new RetrievalQuery("", SearchModality.Text, "Brasilia", null, 3);
        Assert.Empty((await retriever.SearchAsync(query, default)).Hits);
        await world.AddAsync(Document("flag:BR", "Brazil", "capital Brasilia", null));
        Assert.Single((await retriever.SearchAsync(query, default)).Hits);
    }

    private static string Answers(string directory)
    {
        using SearchIndex index = SearchIndex.Open(directory, new GridEncoder());
        IEnumerable<string> texts = Enumerable.Range(0, 20).SelectMany(i => (string[])[$"number{i}", $"topic{i % 3}"])
            .SelectMany(word => index.SearchText(word, 30)).Select(hit => $"{hit.DocumentId}|{hit.Snippet}");
        IEnumerable<string> pictures = Enumerable.Range(0, 20).Select(i => index.SearchVector(new GridEncoder().Encode(
            [Knowledge.Solid(9, 9, [(byte)i, 90, 7])]), 1, SearchModality.Image)[0]).Select(hit => hit.DocumentId);
        return string.Join('\n', texts.Concat(pictures));
    }

    private static async Task<byte[]> ReadSharedAsync(string path)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[file.Length];
        await file.ReadExactlyAsync(bytes);
        return bytes;
    }

    private static IndexDocument Document(string id, string title, string text, byte[]? colour) => new(id, title, text,
        colour is null ? default : Knowledge.EncodePicture(Knowledge.Solid(9, 9, colour)));

    private static async IAsyncEnumerable<IndexDocument> Stream(params IndexDocument[] documents)
    {
        foreach (IndexDocument document in documents)
        {
            await Task.Yield();
            yield return document;
        }
    }

    /// <summary>The four flags as an open index with a writer.</summary>
    private sealed class World : IDisposable
    {
        private readonly TemporaryFolder _folder = new();
        private readonly IndexWriter _writer;
        private bool _closed;

        public World()
        {
            Knowledge.Build(Knowledge.Write(_folder["kb"]), _folder["index"], new GridEncoder());
            Index = SearchIndex.Open(Directory, new GridEncoder());
            _writer = new IndexWriter(Index, new GridEncoder(), Knowledge.Decode);
        }

        public string Directory => _folder["index"];

        public SearchIndex Index { get; }

        public Task<IngestReport> AddAsync(params IndexDocument[] documents) =>
            _writer.IngestAsync(Stream(documents), default);

        public IEnumerable<string> Ids(string text) => Index.SearchText(text, 10).Select(hit => hit.DocumentId);

        public string Nearest(byte[] colour) => Index.SearchVector(new GridEncoder().Encode(
            [Knowledge.Solid(5, 5, colour)]), 1, SearchModality.Region)[0].DocumentId;

        public void Close()
        {
            if (!_closed)
            {
                _closed = true;
                _writer.Dispose();
                Index.Dispose();
            }
        }

        public void Dispose()
        {
            Close();
            _folder.Dispose();
        }
    }
}
