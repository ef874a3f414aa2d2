using System.Text.Json;
using PixSearch.Models.Tests.Checkpoints;
using PixSearch.Models.Tokenizers;

namespace PixSearch.Models.Tests.Tokenizers;

// Goal: ids, offsets and decoded text of reference implementations, without a network: golden/nano-tokens.json comes
// from the Rust tokenizers, golden/sp-mini.json from SentencePiece (see the scripts beside them).
public sealed class TokenizerGoldenTests
{
    [Fact]
    public void Encode_NanoVocabulary_GivesIdsAndOffsetsOfTheRustTokenizers()
    {
        BpeTokenizer tokenizer = TokenizerJson.Load(Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(
            SafetensorsTests.FixtureFolder())!)!, "models", "pixsearch-nano", "tokenizer.json"));
        int withOffsets = 0;
        foreach (JsonElement golden in Read("nano-tokens.json").EnumerateArray())
        {
            TokenizedText tokens = tokenizer.EncodeWithOffsets(golden.GetProperty("text").GetString()!, true);
            Assert.Equal(Ids(golden), tokens.Ids);
            Assert.Equal(golden.GetProperty("decoded").GetString(), tokenizer.Decode(tokens.Ids));
            if (golden.GetProperty("offsets") is { ValueKind: JsonValueKind.Array } offsets)
            {
                Assert.Equal(offsets.EnumerateArray().Select(pair => (pair[0].GetInt32(), pair[1].GetInt32())),
                    tokens.Offsets);
                withOffsets++;
            }
        }

        Assert.InRange(withOffsets, 30, 100);
    }

    [Fact]
    public void Encode_SentencePieceModel_GivesIdsOfSentencePiece()
    {
        BpeTokenizer tokenizer = SentencePieceFile.Load(Golden.Path("sp-mini.model"));
        int compared = 0;
        foreach (JsonElement golden in Read("sp-mini.json").EnumerateArray())
        {
            string text = golden.GetProperty("text").GetString()!;
            if (!text.Contains("</s>", StringComparison.Ordinal))
            {
                int[] ids = tokenizer.Encode(text);
                Assert.Equal(Ids(golden), ids);
                Assert.Equal(golden.GetProperty("decoded").GetString(), tokenizer.Decode(ids));
                compared++;
            }
        }

        Assert.InRange(compared, 30, 100);
    }

    [Fact]
    public void Encode_LegacyAddedTokens_DropWhiteSpaceBesideThemAndBeginAnew()
    {
        BpeTokenizer tokenizer = SentencePieceFile.Load(Golden.Path("sp-mini.model"),
            [new AddedToken(460, "[SEG]", Special: false), new AddedToken(461, "<im_start>", Special: true)]);
        int[] flag = tokenizer.Encode("flag");

        Assert.Equal([.. flag, 460, 460, .. flag], tokenizer.Encode("flag [SEG] [SEG] flag"));
        Assert.Equal([461, .. flag], tokenizer.Encode("<im_start>\nflag"));
        // Beside </s> white space stays: a dummy prefix and the space itself.
        Assert.Equal([2, .. tokenizer.Encode(" flag")], tokenizer.Encode("</s> flag"));
        Assert.Equal([1, .. flag], tokenizer.Encode("flag", addSpecialTokens: true));
    }

    [Fact]
    public void ToTokenizerJson_SentencePieceModel_GivesTheSameIds()
    {
        AddedToken[] added = [new AddedToken(460, "[SEG]", Special: false)];
        byte[] model = File.ReadAllBytes(Golden.Path("sp-mini.model"));
        Assert.Throws<PixSearch.Abstractions.PixException>(() =>
            SentencePieceConversion.ToTokenizerJson(model, "user-defined pieces", added));
        byte[] plain = WithoutUserDefined(model);
        BpeTokenizer before = SentencePieceFile.Parse(plain, "model", added);

        BpeTokenizer after = TokenizerJson.Parse(SentencePieceConversion.ToTokenizerJson(plain, "model", added),
            "json");

        Assert.Equal(before.VocabularySize, after.VocabularySize);
        foreach (JsonElement golden in Read("sp-mini.json").EnumerateArray())
        {
            string text = golden.GetProperty("text").GetString() + " [SEG] x";
            TokenizedText expected = before.EncodeWithOffsets(text, addSpecialTokens: true);
            TokenizedText actual = after.EncodeWithOffsets(text, addSpecialTokens: true);
            Assert.Equal(expected.Ids, actual.Ids);
            Assert.Equal(expected.Offsets, actual.Offsets);
            Assert.Equal(before.Decode(expected.Ids), after.Decode(actual.Ids));
        }
    }

    [Fact]
    public void ImagePrompt_TwoPictures_AreTokenisedApartWithOneBegin()
    {
        BpeTokenizer tokenizer = SentencePieceFile.Load(Golden.Path("sp-mini.model"));
        int[] expected =
        [
            1, .. tokenizer.Encode("USER: "), -200, .. tokenizer.Encode("\nWhat"), -200, .. tokenizer.Encode(" end"),
        ];
        Assert.Equal(expected, ImagePrompt.Encode(tokenizer, "USER: <image>\nWhat<image> end"));
    }

    [Fact]
    public void Parse_SentencePieceModelCutOrChanged_ParsesOrIsRefusedButNeverElse()
    {
        byte[] model = File.ReadAllBytes(Golden.Path("sp-mini.model"));
        var random = new PixSearch.Abstractions.SeededRandom(7);
        int refused = 0;
        for (int round = 0; round < 300; round++)
        {
            byte[] mutant = round % 2 == 0 ? model[..random.NextInt(model.Length)] : (byte[])model.Clone();
            if (round % 2 == 1)
            {
                mutant[random.NextInt(mutant.Length)] = (byte)random.NextInt(256);
            }

            try
            {
                SentencePieceFile.Parse(mutant, "mutant").Encode("The flag on the left \u4e2d");
            }
            catch (PixSearch.Abstractions.PixException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 100, 300);
    }

    private static int[] Ids(JsonElement golden) =>
        [.. golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

    private static JsonElement Read(string name) =>
        JsonDocument.Parse(File.ReadAllBytes(Golden.Path(name))).RootElement;

    // Kind USER_DEFINED (4) of the one such piece becomes CONTROL (3): the bytes after its text and score.
    private static byte[] WithoutUserDefined(byte[] model)
    {
        byte[] copy = (byte[])model.Clone();
        int at = copy.AsSpan().IndexOf("[UD]"u8);
        int kind = at + copy.AsSpan(at).IndexOf((ReadOnlySpan<byte>)[0x18, 4]);
        copy[kind + 1] = 3;
        return copy;
    }
}
