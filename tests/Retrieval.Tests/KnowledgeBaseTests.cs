using PixSearch.Abstractions;

namespace PixSearch.Retrieval.Tests;

/// <summary>
/// Goal: bad knowledge bases are refused with file and line, in bounded memory. Method: one bad line a case.
/// </summary>
public sealed class KnowledgeBaseTests
{
    private const string Good = """{"id":"a","title":"A","text":"first"}""";

    [Theory]
    [InlineData("{\"id\":", 2, "not valid JSON")]
    [InlineData("[1]", 2, "not a JSON object")]
    [InlineData("""{"title":"B","text":"x"}""", 2, "has no \"id\"")]
    [InlineData("""{"id":"","title":"B","text":"x"}""", 2, "empty \"id\"")]
    [InlineData("""{"id":"b","text":"x"}""", 2, "has no \"title\"")]
    [InlineData("""{"id":7,"title":"B","text":"x"}""", 2, "is Number, not a string")]
    [InlineData("""{"id":"a","title":"B","text":"x"}""", 2, "repeats the id \"a\" of line 1")]
    [InlineData("""{"id":"b","title":"B","text":"\ud800"}""", 2, "no valid text")]
    public void ReadDocuments_BadLine_NamesFileAndLine(string bad, int line, string what)
    {
        using var folder = new TemporaryFolder();
        KnowledgeBase knowledge = Write(folder, $"{Good}\n{bad}\n");
        PixException error = Assert.Throws<PixException>(() => knowledge.ReadDocuments().Count());
        Assert.Equal(PixErrorKind.InvalidArgument, error.Kind);
        Assert.StartsWith($"{knowledge.DocumentsPath}:{line} ", error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\uFEFF" + Good + "\n\n" + """{"id":"b","title":"B","text":"x"}""", 3)]
    [InlineData(Good + "\r\n  \r\n" + """{"id":"b","title":"B","text":"x"}""" + "\r\n", 3)]
    public void ReadDocuments_BlankLinesAndByteOrderMark_AreNoDocuments(string content, int lastLine)
    {
        using var folder = new TemporaryFolder();
        KnowledgeDocument[] documents = [.. Write(folder, content).ReadDocuments()];
        Assert.Equal(["a", "b"], documents.Select(one => one.Id));
        Assert.Equal(lastLine, documents[1].Line);
    }

    [Fact]
    public void ReadDocuments_LineBeyondLimit_StopsReading()
    {
        using var folder = new TemporaryFolder();
        string path = folder[KnowledgeBase.DocumentsFile];
        File.WriteAllText(path, Good + "\n" + new string('x', 3_000_000));
        PixException error = Assert.Throws<PixException>(() => new KnowledgeBase(folder.Path).ReadDocuments().Count());
        Assert.Contains(":2 is longer than 1048576 bytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadDocuments_LineLongerThanBuffer_IsRead()
    {
        using var folder = new TemporaryFolder();
        string text = new('y', 200_000);
        KnowledgeDocument document = Assert.Single(Write(folder,
            $$"""{"id":"a","title":"A","text":"{{text}}"}""").ReadDocuments());
        Assert.Equal(text, document.Text);
    }

    [Fact]
    public void ReadDocuments_TooMany_NamesLimit()
    {
        using var folder = new TemporaryFolder();
        Write(folder, Good + "\n" + """{"id":"b","title":"B","text":"x"}""");
        var knowledge = new KnowledgeBase(folder.Path, new KnowledgeLimits { DocumentsMax = 1 });
        PixException error = Assert.Throws<PixException>(() => knowledge.ReadDocuments().Count());
        Assert.Contains(":2 is document 2; the limit is 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadDocuments_NoFile_IsNotFound()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(PixErrorKind.NotFound,
            Assert.Throws<PixException>(() => new KnowledgeBase(folder["kb"]).ReadDocuments().Count()).Kind);
    }

    [Theory]
    [InlineData("../secret.px", "outside the folder")]
    [InlineData("/etc/hostname", "outside the folder")]
    [InlineData("pictures/none.px", "does not exist")]
    [InlineData("link.px", "link to a file outside")]
    [InlineData("bad.px", "bad picture: bad.px")]
    public void Build_BadPicture_NamesFileAndLine(string picture, string what)
    {
        using var folder = new TemporaryFolder();
        string kb = folder["kb"];
        Directory.CreateDirectory(kb);
        File.WriteAllText(folder["secret.px"], "secret");
        File.CreateSymbolicLink(Path.Combine(kb, "link.px"), folder["secret.px"]);
        File.WriteAllText(Path.Combine(kb, "bad.px"), "not a picture");
        File.WriteAllText(Path.Combine(kb, KnowledgeBase.DocumentsFile),
            $$"""{"id":"a","title":"A","text":"x","picture":"{{picture}}"}""");
        PixException error = Assert.Throws<PixException>(() => Knowledge.Build(kb, folder["index"], new GridEncoder()));
        Assert.Contains($"{KnowledgeBase.DocumentsFile}:1 ", error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Build_NoDocuments_SaysSo()
    {
        using var folder = new TemporaryFolder();
        Write(folder, "\n");
        PixException error = Assert.Throws<PixException>(() => Knowledge.Build(folder.Path, folder["index"], null));
        Assert.Contains("holds no documents", error.Message, StringComparison.Ordinal);
    }

    private static KnowledgeBase Write(TemporaryFolder folder, string content)
    {
        File.WriteAllText(folder[KnowledgeBase.DocumentsFile], content);
        return new KnowledgeBase(folder.Path);
    }
}
