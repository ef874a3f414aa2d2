using PixSearch.Abstractions;

namespace PixSearch.Retrieval.Tests;

/// <summary>
/// Goal: an index is built whole or not at all, is read only when sound, and answers. Method: real SQLite, real files.
/// </summary>
public sealed class SearchIndexTests
{
    [Fact]
    public void SearchText_AllWords_FindsOwnCardFirst()
    {
        using var folder = new TemporaryFolder();
        using SearchIndex index = BuildAndOpen(folder, null);
        IReadOnlyList<EvidenceHit> hits = index.SearchText("What is the capital of Germany?", 3);
        Assert.Equal(["flag:DE", "flag:FR"], hits.Select(hit => hit.DocumentId));
        Assert.Equal("Germany", hits[0].Title);
        Assert.Equal(Knowledge.Flags[1].Text, hits[0].Snippet);
        Assert.Equal(SearchModality.Text, hits[0].Leg);
        Assert.True(hits[0].Score > hits[1].Score && hits[1].Score > 0);
    }

    [Fact]
    public void SearchText_NoDocumentHasAllWords_FallsBackToAny()
    {
        using var folder = new TemporaryFolder();
        using SearchIndex index = BuildAndOpen(folder, null);
        Assert.Equal("flag:FJ", index.SearchText("Suva zebra", 3)[0].DocumentId);
        Assert.Empty(index.SearchText("zebra quagga", 3));
        Assert.Empty(index.SearchText("?!", 3));
    }

    [Fact]
    public void SearchText_OtherFormOfWord_FindsStem()
    {
        using var folder = new TemporaryFolder();
        using SearchIndex index = BuildAndOpen(folder, null);
        Assert.Equal("flag:FJ", index.SearchText("currencies of Fiji", 3)[0].DocumentId);
    }

    [Fact]
    public void SearchVector_PictureOfDocument_FindsIt()
    {
        using var folder = new TemporaryFolder();
        var encoder = new GridEncoder();
        using SearchIndex index = BuildAndOpen(folder, encoder);
        foreach ((string id, _, _, byte[] colour) in Knowledge.Flags)
        {
            float[] vector = encoder.Encode([Knowledge.Solid(24, 16, colour)]);
            IReadOnlyList<EvidenceHit> hits = index.SearchVector(vector, 2, SearchModality.Region);
            Assert.Equal(id, hits[0].DocumentId);
            Assert.Equal(1, hits[0].Score, 4);
            Assert.Equal(2, hits.Count);
            Assert.Equal(SearchModality.Region, hits[0].Leg);
        }
    }

    [Fact]
    public void Build_Twice_GivesTheSameBytes()
    {
        using var folder = new TemporaryFolder();
        string knowledge = Knowledge.Write(folder["kb"], 300);
        Knowledge.Build(knowledge, folder["a"], new GridEncoder());
        Knowledge.Build(knowledge, folder["b"], new GridEncoder());
        foreach (string file in new[] { IndexManifest.FileName, IndexManifest.DatabaseName })
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], file)),
                File.ReadAllBytes(Path.Combine(folder["b"], file)));
        }
    }

    [Fact]
    public void Build_OverOldIndex_ReplacesItAndReadersKeepTheirs()
    {
        using var folder = new TemporaryFolder();
        using SearchIndex old = BuildAndOpen(folder, new GridEncoder());
        Assert.Single(old.SearchText("Suva", 3));
        File.WriteAllText(Path.Combine(folder["kb"], KnowledgeBase.DocumentsFile),
            """{"id":"x","title":"Tonga","text":"capital Nukualofa"}""");
        IndexManifest manifest = Knowledge.Build(folder["kb"], folder["index"], new GridEncoder());
        Assert.Equal((1, 0), (manifest.Documents, manifest.Vectors));
        using SearchIndex fresh = SearchIndex.Open(folder["index"], new GridEncoder());
        Assert.Empty(fresh.SearchText("Suva", 3));
        Assert.Single(fresh.SearchText("Tonga", 3));
        Assert.Single(old.SearchText("Suva", 3));
        Assert.Equal(["index", "kb"], Directory.GetDirectories(folder.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Build_Fails_LeavesTheOldIndexAndNoFolders()
    {
        using var folder = new TemporaryFolder();
        BuildAndOpen(folder, null).Dispose();
        File.AppendAllText(Path.Combine(folder["kb"], KnowledgeBase.DocumentsFile), "{\"id\":");
        Assert.Throws<PixException>(() => Knowledge.Build(folder["kb"], folder["index"], null));
        Assert.Equal(["index", "kb"], Directory.GetDirectories(folder.Path).Select(Path.GetFileName).Order());
        using SearchIndex index = SearchIndex.Open(folder["index"], null);
        Assert.Single(index.SearchText("Suva", 3));
    }

    [Fact]
    public void Build_IntoForeignFolder_RefusesAndKeepsIt()
    {
        using var folder = new TemporaryFolder();
        string knowledge = Knowledge.Write(folder["kb"]);
        Directory.CreateDirectory(folder["home"]);
        File.WriteAllText(Path.Combine(folder["home"], "thesis.txt"), "years of work");
        PixException error = Assert.Throws<PixException>(() => Knowledge.Build(knowledge, folder["home"], null));
        Assert.Contains("not overwritten", error.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(folder["home"], "thesis.txt")));
    }

    [Fact]
    public void Open_BuiltByOtherEncoder_NamesBoth()
    {
        using var folder = new TemporaryFolder();
        Knowledge.Build(Knowledge.Write(folder["kb"]), folder["index"], new GridEncoder("old-fingerprint"));
        PixException error =
            Assert.Throws<PixException>(() => SearchIndex.Open(folder["index"], new GridEncoder("new-one")));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains("old-fingerprint", error.Message, StringComparison.Ordinal);
        Assert.Contains("new-one", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_NoIndex_SaysHowToBuildOne()
    {
        using var folder = new TemporaryFolder();
        PixException error = Assert.Throws<PixException>(() => SearchIndex.Open(folder["nothing"], null));
        Assert.Equal(PixErrorKind.NotFound, error.Kind);
        Assert.Contains("px index build", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(IndexManifest.DatabaseName, "truncate")]
    [InlineData(IndexManifest.DatabaseName, "flip")]
    [InlineData(IndexManifest.DatabaseName, "delete")]
    [InlineData(IndexManifest.DatabaseName, "empty")]
    [InlineData(IndexManifest.FileName, "truncate")]
    [InlineData(IndexManifest.FileName, "empty")]
    [InlineData(IndexManifest.FileName, "format")]
    [InlineData(IndexManifest.FileName, "count")]
    [InlineData(IndexManifest.FileName, "negative")]
    public void Open_DamagedFile_IsBrokenArtifact(string file, string damage)
    {
        using var folder = new TemporaryFolder();
        BuildAndOpen(folder, new GridEncoder()).Dispose();
        string path = Path.Combine(folder["index"], file);
        byte[] bytes = File.ReadAllBytes(path);
        switch (damage)
        {
            case "truncate":
                File.WriteAllBytes(path, bytes[..(bytes.Length / 2)]);
                break;
            case "flip":
                bytes[bytes.Length / 2] ^= 0x10;
                File.WriteAllBytes(path, bytes);
                break;
            case "delete":
                File.Delete(path);
                break;
            case "empty":
                File.WriteAllBytes(path, []);
                break;
            default:
                (string from, string to) = damage switch
                {
                    "format" => ("\"format\": 1", "\"format\": 9"),
                    "count" => ("\"vectors\": 4", "\"vectors\": 3"),
                    _ => ("\"documents\": 4", "\"documents\": -4"),
                };
                string text = File.ReadAllText(path);
                Assert.Contains(from, text, StringComparison.Ordinal);
                File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));
                break;
        }

        PixException error = Assert.Throws<PixException>(() => SearchIndex.Open(folder["index"], new GridEncoder()));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Search_ManyThreads_AnswersAsOne()
    {
        using var folder = new TemporaryFolder();
        var encoder = new GridEncoder();
        using SearchIndex index = BuildAndOpen(folder, encoder, 500);
        string[] queries = ["capital Germany", "thing3", "topic5 remark", "Suva", "euro"];
        var expected = queries.Select(query =>
            string.Join(',', index.SearchText(query, 5).Select(hit => hit.DocumentId))).ToArray();
        float[] vector = encoder.Encode([Knowledge.Solid(5, 5, Knowledge.Flags[2].Colour)]);
        await Parallel.ForAsync(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 32 }, (i, token) =>
        {
            string got = string.Join(',', index.SearchText(queries[i % queries.Length], 5, token)
                .Select(hit => hit.DocumentId));
            Assert.Equal(expected[i % queries.Length], got);
            Assert.Equal("flag:FR", index.SearchVector(vector, 1, SearchModality.Image, token)[0].DocumentId);
            return ValueTask.CompletedTask;
        });
    }

    [Fact]
    public void SearchText_AlreadyCancelled_Throws()
    {
        using var folder = new TemporaryFolder();
        using SearchIndex index = BuildAndOpen(folder, null);
        Assert.Throws<OperationCanceledException>(() => index.SearchText("Suva", 3, new CancellationToken(true)));
    }

    [Fact]
    public void Open_Index_LeavesNoSideFiles()
    {
        using var folder = new TemporaryFolder();
        using SearchIndex index = BuildAndOpen(folder, null);
        Assert.Single(index.SearchText("Suva", 3));
        Assert.Equal([IndexManifest.FileName, IndexManifest.DatabaseName],
            Directory.GetFiles(folder["index"]).Select(Path.GetFileName).Order());
    }

    private static SearchIndex BuildAndOpen(TemporaryFolder folder, IRegionEncoder? encoder, int extraDocuments = 0)
    {
        Knowledge.Build(Knowledge.Write(folder["kb"], extraDocuments), folder["index"], encoder);
        return SearchIndex.Open(folder["index"], encoder);
    }
}
