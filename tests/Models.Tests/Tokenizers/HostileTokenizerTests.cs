using System.Text.Json;
using System.Text.Json.Nodes;
using PixSearch.Abstractions;
using PixSearch.Models.Tests.Checkpoints;
using PixSearch.Models.Tests.Families;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Tokenizers.Protos;

namespace PixSearch.Models.Tests.Tokenizers;

// Goal: a tokenizer that is damaged, or made to do harm, is refused with its reason, when it is read or, where only a
// text shows it, when it is used.
public sealed class HostileTokenizerTests
{
    [Fact]
    public void Encode_NormaliserThatDoublesAgainAndAgain_IsRefused()
    {
        string steps = string.Join(',', Enumerable.Repeat(
            "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aa\"}", 24));
        BpeTokenizer tokenizer = With("normalizer", $"{{\"type\":\"Sequence\",\"normalizers\":[{steps}]}}");
        PixException error = Assert.Throws<PixException>(() => tokenizer.Encode("a man"));
        Assert.Contains("normaliser makes over", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_PrefixOfAMegabyte_IsRefused()
    {
        BpeTokenizer tokenizer = With("normalizer",
            $"{{\"type\":\"Prepend\",\"prepend\":\"{new string('x', 1 << 20)}\"}}");
        PixException error = Assert.Throws<PixException>(() => tokenizer.Encode("a"));
        Assert.Contains("normaliser makes over", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 1000)]
    [InlineData(20_000, 500)]
    public void Parse_AddedTokensWithoutEnd_AreRefused(int count, int length)
    {
        string tokens = JsonSerializer.Serialize(Enumerable.Range(0, count).Select(i => new
        {
            id = i,
            content = $"{i:D5}".PadRight(length, 'x'),
        }));
        PixException error = Assert.Throws<PixException>(() => With("added_tokens", tokens));
        Assert.Contains("characters", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2_000_000_000)]
    public void Parse_TemplateIdOutsideTheVocabulary_IsRefused(int id)
    {
        PixException error = Assert.Throws<PixException>(() => With("post_processor",
            "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\"}},{\"Sequence\":{}}],"
            + $"\"special_tokens\":{{\"<s>\":{{\"ids\":[{id}]}}}}}}"));
        Assert.Contains($"token id {id}", error.Message, StringComparison.Ordinal);
    }

    // Every way to cut a piece in two is looked up: a piece of a megabyte would take a day.
    [Fact]
    public void Parse_SentencePieceOfAMegabyte_IsRefused()
    {
        SpModel model = SpModel.Parser.ParseFrom(File.ReadAllBytes(Golden.Path("sp-mini.model")));
        model.Pieces[^1].Text = new string('a', 1 << 20);
        PixException error = Assert.Throws<PixException>(() =>
            SentencePieceFile.Parse(Google.Protobuf.MessageExtensions.ToByteArray(model), "long.model"));
        Assert.Contains("a piece has 1048576 characters", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("merges.txt", "a b c\n")]
    [InlineData("merges.txt", "nothere alsonot\n")]
    [InlineData("vocab.json", "{\"a\":")]
    [InlineData("vocab.json", "[]")]
    [InlineData("vocab.json", "{\"a\":0},\"merges\":[]")]
    [InlineData("vocab.json", "")]
    public void Load_DamagedVocabulary_IsRefused(string file, string text)
    {
        using var folder = new TemporaryFolder();
        PublishedFolders.Write("pixel-sail-pth", folder.File("in"));
        File.WriteAllText(folder.File($"in/{file}"), text);
        PixException error = Assert.Throws<PixException>(() => TokenizerFolder.Load(folder.File("in")));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
    }

    private static BpeTokenizer With(string property, string json)
    {
        JsonNode root = JsonNode.Parse(TinyModels.TokenizerJson())!;
        root[property] = JsonNode.Parse(json);
        return TokenizerJson.Parse(System.Text.Encoding.UTF8.GetBytes(root.ToJsonString()), "hostile");
    }
}
