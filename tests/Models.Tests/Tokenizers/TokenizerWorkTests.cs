using System.Text;
using PixSearch.Abstractions;
using PixSearch.Models.Tests.Checkpoints;
using PixSearch.Models.Tests.Families;
using PixSearch.Models.Tokenizers;

namespace PixSearch.Models.Tests.Tokenizers;

// Goal: no text takes more than work in proportion to its length, and no way of cutting a stream of tokens gives half a
// character. Work is counted (steps of merging, bytes allocated), not timed: a busy machine changes neither.
public sealed class TokenizerWorkTests
{
    private const int Short = 1 << 14;
    private const int Long = 1 << 18;

    private static readonly Lazy<Dictionary<string, BpeTokenizer>> s_tokenizers = new(MakeTokenizers);

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (string tokenizer in (string[])["qwen", "gpt2", "gpt4", "sentencepiece", "metaspace"])
        {
            foreach (string unit in (string[])
            [
                "a", "ab", " ", "\n", " \n", "\r\n \t", "1", "'", "'s", "<", "<sear", "<search>", "[SEG] ",
                "\ud83d\ude42", "\ud83d\udc69\u200d\ud83d\udd2c", "\u0301", "\u0301\u0323", "e\u0301",
                "\u1112\u1161\u11ab", "\u6f22", "\u0627\u0644", "\ud83d", "\0", "\u2581", "the flag. ",
            ])
            {
                data.Add(tokenizer, unit);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Encode_LongRun_TakesWorkInProportion(string tokenizer, string unit)
    {
        BpeTokenizer target = s_tokenizers.Value[tokenizer];
        Work(target, unit, Short); // buffers of the pools
        Work(target, unit, Long);
        long small = Work(target, unit, Short);
        long large = Work(target, unit, Long);

        // Lists double: the last doubling may count for one text and not for the other.
        Assert.InRange(large, 0, (3 * (Long / Short) * small) + (1 << 20));
    }

    // Every merge takes away a symbol and offers at most two new pairs.
    [Theory]
    [InlineData(1, 4096)]
    [InlineData(2, 4096)]
    [InlineData(3, 50_000)]
    [InlineData(1, 1 << 20)]
    public void Merge_AnySymbols_OffersAtMostThreePairsASymbol(int letters, int length)
    {
        var random = new SeededRandom((ulong)letters);
        var merges = new Dictionary<ulong, BpeMerge>();
        int next = letters;
        for (int rank = 0; rank < 200; rank++)
        {
            merges.TryAdd(BpeMerger.Key(random.NextInt(next), random.NextInt(next)), new BpeMerge(rank, next++));
        }

        for (int letter = 0; letter < letters; letter++)
        {
            merges.TryAdd(BpeMerger.Key(letter, letter), new BpeMerge(200 + letter, next++));
        }

        var symbols = new BpeSymbol[length];
        for (int i = 0; i < length; i++)
        {
            symbols[i] = new BpeSymbol { Id = random.NextInt(letters), Start = i, End = i + 1 };
        }

        long offered = BpeMerger.Merge(symbols, merges);

        Assert.InRange(offered, 1, 3L * length);
        int covered = 0;
        for (int i = 0; i >= 0; i = symbols[i].Next)
        {
            Assert.Equal(covered, symbols[i].Start);
            covered = symbols[i].End;
        }

        Assert.Equal(length, covered);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void StartDecoding_AnyTokens_GivesWholeCharactersThatJoinToTheDecodedText(int seed)
    {
        var random = new SeededRandom((ulong)seed);
        foreach ((string name, BpeTokenizer tokenizer) in s_tokenizers.Value)
        {
            for (int round = 0; round < 60; round++)
            {
                int[] ids = round % 2 == 0
                    ? [.. Enumerable.Range(0, 40).Select(_ => random.NextInt(tokenizer.VocabularySize))]
                    : tokenizer.Encode(RandomText(random));
                IStreamingDecoder decoder = tokenizer.StartDecoding(skipSpecialTokens: round % 3 == 0);
                string[] parts = [.. ids.Select(decoder.Push), decoder.Flush()];

                Assert.All(parts, part => Assert.True(IsWhole(part), $"{name}: '{Escaped(part)}'"));
                Assert.Equal(tokenizer.Decode(ids, skipSpecialTokens: round % 3 == 0), string.Concat(parts));
            }
        }
    }

    // Worked out from the published patterns by hand.
    [Theory]
    [InlineData("qwen", "I'm 42 years", "I|'m| |4|2| years")]
    [InlineData("gpt4", "I'm 4200 years", "I|'m| |420|0| years")]
    [InlineData("gpt2", "I'm 42 years", "I|'m| 42| years")]
    [InlineData("qwen", "a\n\n b", "a|\n\n| b")]
    [InlineData("gpt2", "a\n\n b", "a|\n\n| b")]
    [InlineData("qwen", "x   y", "x|  | y")]
    [InlineData("qwen", "x   ", "x|   ")]
    [InlineData("qwen", "Hello, world!!\n", "Hello|,| world|!!\n")]
    [InlineData("gpt2", "Hello, world!!\n", "Hello|,| world|!!|\n")]
    [InlineData("qwen", "hi\ud83d\ude42there", "hi|\ud83d\ude42there")]
    [InlineData("gpt2", "hi\ud83d\ude42there", "hi|\ud83d\ude42|there")]
    [InlineData("qwen", "HE'LL they'Re", "HE|'LL| they|'Re")]
    [InlineData("gpt2", "HE'LL", "HE|'|LL")]
    [InlineData("qwen", "\ud835\udfcf\u0663", "\ud835\udfcf|\u0663")] // digits beyond U+FFFF and of Arabic
    [InlineData("qwen", " \r\n\tx", " \r\n|\tx")]
    public void Split_PublishedPattern_GivesTheKnownPieces(string pattern, string text, string expected)
    {
        var splitter = new RegexSplitter(
            pattern == "qwen" ? RegexSplitter.QwenPattern
                : pattern == "gpt4" ? RegexSplitter.Gpt4Pattern : RegexSplitter.Gpt2Pattern,
            SplitBehavior.Isolated, invert: false);
        var pieces = new List<string>();
        splitter.Split(text, (start, end) => pieces.Add(text[start..end]));
        Assert.Equal(expected, string.Join('|', pieces));
    }

    private static long Work(BpeTokenizer tokenizer, string unit, int length)
    {
        string text = string.Concat(Enumerable.Repeat(unit, length / unit.Length));
        long before = GC.GetAllocatedBytesForCurrentThread();
        int[] ids = tokenizer.Encode(text);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(ids.Length, 1, 4 * length);
        return allocated;
    }

    private static bool IsWhole(string text) =>
        text.Length == 0 || (!char.IsLowSurrogate(text[0]) && !char.IsHighSurrogate(text[^1]));

    private static string Escaped(string text) => string.Concat(text.Select(unit => $"\\u{(int)unit:X4}"));

    private static string RandomText(SeededRandom random)
    {
        var text = new StringBuilder();
        for (int i = 0; i < 30; i++)
        {
            int code = random.NextInt(4) switch
            {
                0 => random.NextInt(0x80),
                1 => random.NextInt(0xD800),
                2 => 0x1F300 + random.NextInt(0x300),
                _ => 0x300 + random.NextInt(0x70),
            };
            text.Append(new Rune(code));
        }

        return text.ToString();
    }

    private static Dictionary<string, BpeTokenizer> MakeTokenizers()
    {
        string json = Encoding.UTF8.GetString(TinyModels.TokenizerJson());
        var root = System.Text.Json.Nodes.JsonNode.Parse(json)!;
        BpeTokenizer With(string preTokenizer, string normalizer)
        {
            root["pre_tokenizer"] = System.Text.Json.Nodes.JsonNode.Parse(preTokenizer);
            root["normalizer"] = System.Text.Json.Nodes.JsonNode.Parse(normalizer);
            return TokenizerJson.Parse(Encoding.UTF8.GetBytes(root.ToJsonString()), "work");
        }

        const string Nfc = "{\"type\":\"NFC\"}";
        const string Bytes = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}";
        string Split(string pattern) => "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":"
            + $"{{\"Regex\":{System.Text.Json.JsonSerializer.Serialize(pattern)}}},"
            + $"\"behavior\":\"Isolated\"}},{Bytes}]}}";
        return new Dictionary<string, BpeTokenizer>
        {
            ["qwen"] = With(Split(RegexSplitter.QwenPattern), Nfc),
            ["gpt4"] = With(Split(RegexSplitter.Gpt4Pattern), Nfc),
            ["gpt2"] = With("{\"type\":\"ByteLevel\"}", Nfc),
            ["metaspace"] = With($"{{\"type\":\"Sequence\",\"pretokenizers\":[{{\"type\":\"Metaspace\","
                + $"\"replacement\":\"\\u2581\",\"prepend_scheme\":\"first\"}},{Bytes}]}}", Nfc),
            ["sentencepiece"] = SentencePieceFile.Load(Golden.Path("sp-mini.model"),
                [new AddedToken(460, "[SEG]", Special: false)]),
        };
    }
}
