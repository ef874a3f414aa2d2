using System.Diagnostics;
using System.Globalization;
using System.Text;
using PixSearch.Abstractions;
using PixSearch.Models.Tokenizers;

namespace PixSearch.Models.Tests.Tokenizers;

// Goal: a learned byte-level vocabulary gives back every text, says exactly which characters each token covers, and
// takes time in proportion to the text.
public sealed class ByteLevelBpeTests
{
    private const string Training =
        "The flag on the left<search><region></search><information>Fiji: capital Suva; region "
        + "Oceania; currency Fijian dollar</information> is Fiji. Its capital is Suva. The largest fish and "
        + "the apple on the right. Point out the drum in the middle and the flag at the top. "
        + "The capital of Fiji is Suva. It's the flag's colour.";

    private static readonly BpeTokenizer s_tokenizer = Learn(330);

    public static TheoryData<string> Texts =>
    [
        "",
        " ",
        "The flag on the left is Fiji.",
        "  two  spaces   and\ttabs\r\n\r\nlines\n ",
        "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m",
        "\u4e2d\u6587\u5b57\u7b26\u3001\u65e5\u672c\u8a9e",
        "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
        "\ud83d\ude00\ud83c\udffd\ud83d\udc69\u200d\ud83d\ude80 \ud835\udc00\ud835\udfd9",
        "\0\u0001\u001f\u007f\u0085\u200b\ufeff",
        "if (x != 0) { return \"<b>\"; } // 12345",
        "I'LL it's we'd",
    ];

    [Theory]
    [MemberData(nameof(Texts))]
    public void Decode_EncodedText_IsTheText(string text)
    {
        int[] ids = s_tokenizer.Encode(text);
        Assert.Equal(text, s_tokenizer.Decode(ids));
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void EncodeWithOffsets_AnyText_CoversEveryCharacterInOrder(string text)
    {
        TokenizedText tokens = s_tokenizer.EncodeWithOffsets(text);
        Assert.Equal(s_tokenizer.Encode(text), tokens.Ids);
        int covered = 0;
        for (int i = 0; i < tokens.Ids.Length; i++)
        {
            (int start, int end) = tokens.Offsets[i];
            Assert.InRange(start, 0, covered);
            Assert.True(end > start && end >= covered);
            Assert.False(start > 0 && char.IsSurrogatePair(text[start - 1], text[start]));
            if (Encoding.UTF8.GetString(s_tokenizer.TokenBytes(tokens.Ids[i])) is string part
                && !part.Contains('\ufffd'))
            {
                Assert.Equal(part, text[start..end]);
            }

            covered = end;
        }

        Assert.Equal(text.Length, covered);
    }

    [Fact]
    public void EncodeWithOffsets_AddedTokens_AreSplitOffFirst()
    {
        TokenizedText tokens = s_tokenizer.EncodeWithOffsets("flag<search><region></search>", addSpecialTokens: true);

        Assert.Equal(1, tokens.Ids[0]);
        Assert.Equal((0, 0), tokens.Offsets[0]);
        Assert.Equal([5, 7, 6], tokens.Ids[^3..]);
        Assert.Equal([(4, 12), (12, 20), (20, 29)], tokens.Offsets[^3..]);
    }

    [Fact]
    public void EncodeWithOffsets_DecomposedText_IsComposedAndAlignedToTheOriginal()
    {
        // e + combining acute is two characters that become one.
        TokenizedText tokens = s_tokenizer.EncodeWithOffsets("xe\u0301y");

        Assert.Equal("x\u00e9y", s_tokenizer.Decode(tokens.Ids));
        Assert.Equal((0, 1), tokens.Offsets[0]);
        Assert.Equal((1, 3), tokens.Offsets[1]);
        Assert.Equal((1, 3), tokens.Offsets[2]);
        Assert.Equal((3, 4), tokens.Offsets[^1]);
    }

    [Fact]
    public void Decode_SpecialTokens_AreSkippedOnRequestButProtocolTokensStay()
    {
        int[] ids = [1, .. s_tokenizer.Encode("a<search>b"), 2];
        Assert.Equal("<s>a<search>b</s>", s_tokenizer.Decode(ids));
        Assert.Equal("a<search>b", s_tokenizer.Decode(ids, skipSpecialTokens: true));
        Assert.True(s_tokenizer.TokenBytes(2).IsEmpty);
        Assert.Equal("<search>", Encoding.UTF8.GetString(s_tokenizer.TokenBytes(5)));
        Assert.Equal(5, s_tokenizer.IdOf("<search>"));
        Assert.Equal(-1, s_tokenizer.IdOf("<nothing>"));
        Assert.True(s_tokenizer.TokenBytes(-5).IsEmpty && s_tokenizer.TokenBytes(1 << 30).IsEmpty);
    }

    [Fact]
    public void StartDecoding_EmojiByteByByte_NeverGivesHalfACharacter()
    {
        IStreamingDecoder decoder = s_tokenizer.StartDecoding();
        int[] ids = [.. Encoding.UTF8.GetBytes("a\ud83d\ude00\u4e2d").Select(value => 11 + value)];

        string[] parts = [.. ids.Select(decoder.Push)];

        Assert.Equal(["a", "", "", "", "\ud83d\ude00", "", "", "\u4e2d"], parts);
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void StartDecoding_UnfinishedCharacter_EndsInReplacement()
    {
        IStreamingDecoder decoder = s_tokenizer.StartDecoding();
        Assert.Equal("", decoder.Push(11 + 0xF0));
        Assert.Equal("", decoder.Push(11 + 0x9F));
        Assert.Equal("\ufffd", decoder.Flush());
    }

    [Fact]
    public void Encode_MegabyteOfOneLetter_TakesAboutTimeInProportion()
    {
        BpeTokenizer tokenizer = LearnFrom(new string('a', 5000), 300);
        string text = new('a', 1 << 20);
        tokenizer.Encode(text[..4096]);
        var watch = Stopwatch.StartNew();
        tokenizer.Encode(text[..(1 << 15)]);
        double small = watch.Elapsed.TotalSeconds;
        watch.Restart();

        int[] ids = tokenizer.Encode(text);

        // 32 times the text: a merge in quadratic time takes 1,000 times as long. A busy machine keeps the ratio.
        double large = watch.Elapsed.TotalSeconds;
        Assert.True(large < 5 || large < 300 * small, $"{small} s for 2^15 letters, {large} s for 2^20.");
        Assert.Equal(text, tokenizer.Decode(ids));
        Assert.InRange(ids.Length, 1, text.Length / 100);
    }

    [Fact]
    public void Train_SameTexts_GiveTheSameBytes()
    {
        Assert.Equal(Train(330).ToTokenizerJson(), Train(330).ToTokenizerJson());
    }

    [Fact]
    public void Train_PixSearchTokens_HaveTheIdsOfTheModel()
    {
        Assert.Equal(330, s_tokenizer.VocabularySize);
        string[] expected = ["<pad>", "<s>", "</s>", "<im_start>", "<im_end>", "<search>", "</search>", "<region>",
            "<img>",
            "<information>", "</information>"];
        Assert.Equal(expected, s_tokenizer.AddedTokens.Select(token => token.Content));
        Assert.Equal(Enumerable.Range(0, 11), s_tokenizer.AddedTokens.Select(token => token.Id));
        Assert.Single(s_tokenizer.Encode(" the"));
    }

    [Fact]
    public void Train_FewPairs_StopsBelowTheLimit()
    {
        var trainer = new BpeTrainer(BpeTrainer.PixSearchTokens);
        trainer.Add("abab");
        BpeTrainingResult result = trainer.Train(4096);
        Assert.Equal(11 + 256 + 1, result.VocabularySize);
    }

    [Fact]
    public void StandIn_EveryCategory_IsOfThatCategory()
    {
        foreach (UnicodeCategory category in Enum.GetValues<UnicodeCategory>())
        {
            bool beyondBmp = category is not (UnicodeCategory.Surrogate or UnicodeCategory.Control
                or UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator);
            if (beyondBmp)
            {
                Assert.Equal(category, char.GetUnicodeCategory(RegexSplitter.StandIn(category)));
            }
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("")]
    [InlineData("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{},\"merges\":[]}}")]
    [InlineData("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":2000000000},\"merges\":[]}}")]
    [InlineData("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}")]
    [InlineData("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1e99},\"merges\":[]}}")]
    [InlineData("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}}")]
    [InlineData("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}")]
    [InlineData("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}}")]
    [InlineData("{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]},\"normalizer\":{\"type\":\"Lowercase\"}}")]
    [InlineData("{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]},\"pre_tokenizer\":{\"type\":\"Split\"}}")]
    public void Parse_WhatIsNotSupported_IsRefused(string json)
    {
        PixException error = Assert.Throws<PixException>(() =>
            TokenizerJson.Parse(Encoding.UTF8.GetBytes(json), "t.json"));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains("t.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_FileCutAnywhere_IsRefused()
    {
        byte[] json = Train(280).ToTokenizerJson();
        for (int length = 0; length < json.Length - 2; length += 7)
        {
            PixException error = Assert.Throws<PixException>(() =>
                TokenizerJson.Parse(json.AsMemory(0, length), "t.json"));
            Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        }
    }

    private static BpeTrainingResult Train(int vocabularySize)
    {
        var trainer = new BpeTrainer(BpeTrainer.PixSearchTokens);
        trainer.Add(Training);
        trainer.Add(Training);
        return trainer.Train(vocabularySize);
    }

    private static BpeTokenizer Learn(int vocabularySize) =>
        TokenizerJson.Parse(Train(vocabularySize).ToTokenizerJson(), "learned");

    private static BpeTokenizer LearnFrom(string text, int vocabularySize)
    {
        var trainer = new BpeTrainer(BpeTrainer.PixSearchTokens);
        trainer.Add(text);
        trainer.Add(text);
        return TokenizerJson.Parse(trainer.Train(vocabularySize).ToTokenizerJson(), "learned");
    }
}
