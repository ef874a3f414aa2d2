using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using PixSearch.Models.Tokenizers;

namespace PixSearch.Models.Tests.Tokenizers;

// Goal: the same ids as the reference implementations (the Rust tokenizers, the JavaScript ones, SentencePiece), token
// by token, on real vocabularies. The references are made outside of the repository, once a machine, by
// golden/make-tokenizer-references.sh; where that cannot run these tests skip and say why.
public sealed class TokenizerReferenceTests
{
    // Characters that .NET's tables and the reference's place differently, since they follow different Unicode
    // versions.
    [ReferenceTheory]
    [InlineData("qwen3", "rust")]
    [InlineData("llama3", "rust")]
    [InlineData("mistral", "rust")]
    [InlineData("qwen3", "js")]
    [InlineData("llama3", "js")]
    [InlineData("mistral", "js")]
    public void Encode_RealVocabulary_GivesTheIdsOfTheReference(string vocabulary, string reference)
    {
        string folder = Path.Combine(TokenizerReferences.Folder, vocabulary);
        BpeTokenizer tokenizer = TokenizerJson.Load(Path.Combine(folder, "tokenizer.json"));

        // The JavaScript one takes quadratic time: six texts of up to a megabyte are left to Rust's.
        int left = reference == "js" ? 6 : 0;
        Assert.Equal(Texts.Length - left, Compare(tokenizer, Path.Combine(folder, $"{reference}.json")));
    }

    // Control pieces in the text are split off by our tokenizer, as by LLaMA's; SentencePiece itself reads them as
    // text.
    [ReferenceTheory]
    [InlineData("llama")]
    public void Encode_SentencePieceModel_GivesTheIdsOfSentencePiece(string vocabulary)
    {
        string folder = Path.Combine(TokenizerReferences.Folder, vocabulary);
        BpeTokenizer tokenizer = SentencePieceFile.Load(Path.Combine(folder, "tokenizer.model"));
        Compare(tokenizer, Path.Combine(folder, "sentencepiece.json"),
            text => !text.Contains("<s>", StringComparison.Ordinal));
        string[] texts = Texts;
        string[] decoded = Read<string[]>(Path.Combine(folder, "decoded.json"));
        for (int i = 0; i < texts.Length; i++)
        {
            if (!texts[i].Contains("<s>", StringComparison.Ordinal))
            {
                Assert.Equal(decoded[i], tokenizer.Decode(tokenizer.Encode(texts[i])));
            }
        }
    }

    [ReferenceTheory]
    [InlineData("llama")]
    public void Encode_ConvertedSentencePieceModel_GivesTheIdsOfSentencePiece(string vocabulary)
    {
        string folder = Path.Combine(TokenizerReferences.Folder, vocabulary);
        byte[] model = File.ReadAllBytes(Path.Combine(folder, "tokenizer.model"));
        BpeTokenizer tokenizer = TokenizerJson.Parse(SentencePieceConversion.ToTokenizerJson(model, "model", []),
            "json");
        Compare(tokenizer, Path.Combine(folder, "sentencepiece.json"),
            text => !text.Contains("<s>", StringComparison.Ordinal));
    }

    [ReferenceTheory]
    [InlineData("qwen3")]
    [InlineData("llama3")]
    [InlineData("mistral")]
    [InlineData("llama")]
    public void Encode_MegabyteOfOneCharacter_TakesAboutTimeInProportion(string vocabulary)
    {
        BpeTokenizer tokenizer = TokenizerFolder.Load(Path.Combine(TokenizerReferences.Folder, vocabulary));
        foreach (char character in "a 0\n\u4e2d\u0301\u0000.")
        {
            string text = new(character, 1 << 20);
            tokenizer.Encode(text[..4096]);
            var watch = Stopwatch.StartNew();
            tokenizer.Encode(text[..(1 << 15)]);
            double small = watch.Elapsed.TotalSeconds;
            watch.Restart();
            int[] ids = tokenizer.Encode(text);

            // 32 times the text: quadratic time would be 1,000 times as long.
            double large = watch.Elapsed.TotalSeconds;
            Assert.True(large < 3 || large < 200 * small,
                $"U+{(int)character:X4}: {small} s for 2^15 characters, {large} s for 2^20.");
            Assert.Equal(text.Length, tokenizer.Decode(ids).Length);
        }
    }

    // vocab.json and merges.txt as the slow tokenizer is saved, special tokens in tokenizer_config.json.
    [ReferenceTheory]
    [InlineData("qwen3", "js")]
    public void Encode_VocabularyAndMerges_GiveTheIdsOfTheReference(string vocabulary, string reference)
    {
        string from = Path.Combine(TokenizerReferences.Folder, vocabulary);
        string folder = Directory.CreateTempSubdirectory("qwen").FullName;
        try
        {
            using (JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(from, "tokenizer.json"))))
            {
                JsonElement model = json.RootElement.GetProperty("model");
                File.WriteAllText(Path.Combine(folder, "vocab.json"), model.GetProperty("vocab").GetRawText());
                File.WriteAllLines(Path.Combine(folder, "merges.txt"), ["#version: 0.2", .. model.GetProperty("merges")
                    .EnumerateArray().Select(pair => $"{pair[0].GetString()} {pair[1].GetString()}")]);
                File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), JsonSerializer.Serialize(new
                {
                    added_tokens_decoder = json.RootElement.GetProperty("added_tokens").EnumerateArray()
                        .ToDictionary(token => token.GetProperty("id").GetRawText(), token => token),
                }));
            }

            BpeTokenizer tokenizer = TokenizerFolder.Load(folder);
            Assert.Equal(Texts.Length - 6, Compare(tokenizer, Path.Combine(from, $"{reference}.json")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [ReferenceTheory]
    [InlineData("nfc.json")]
    public void Nfc_EveryText_IsThatOfNode(string file)
    {
        string[] texts = Texts;
        string[] expected = Read<string[]>(Path.Combine(TokenizerReferences.Folder, file));
        for (int i = 0; i < texts.Length; i++)
        {
            string actual = new TextNormalizer.Nfc().Apply(new AlignedText(texts[i], 0)).Text;
            Assert.True(actual == expected[i],
                $"{i}: {Describe(texts[i])}: {Describe(actual)}, not {Describe(expected[i])}");
        }
    }

    private static string[] Texts => Read<string[]>(Path.Combine(TokenizerReferences.Folder, "texts.json"));

    // Number of texts that were compared.
    private static int Compare(BpeTokenizer tokenizer, string file, Func<string, bool>? includes = null)
    {
        string[] texts = Texts;
        int compared = 0;
        int[]?[] expected = Read<int[]?[]>(file);
        Assert.Equal(texts.Length, expected.Length);
        var differences = new List<string>();
        for (int i = 0; i < texts.Length; i++)
        {
            if (expected[i] is not { } ids || includes?.Invoke(texts[i]) == false)
            {
                continue;
            }

            compared++;
            if (!tokenizer.Encode(texts[i]).AsSpan().SequenceEqual(ids))
            {
                differences.Add($"{i}: {Describe(texts[i])}: {string.Join(' ', tokenizer.Encode(texts[i]).Take(70))} "
                    + $"instead of {string.Join(' ', ids.Take(70))}");
            }
        }

        Assert.True(differences.Count == 0, $"{differences.Count} of {texts.Length} texts differ:\n"
            + string.Join('\n', differences.Take(20)));
        return compared;
    }

    private static string Describe(string text) => string.Concat(text.Take(80).Select(unit =>
        unit is > ' ' and < '\u007f' ? unit.ToString()
            : $"\\u{((int)unit).ToString("x4", CultureInfo.InvariantCulture)}"));

    private static T Read<T>(string path) => JsonSerializer.Deserialize<T>(File.ReadAllBytes(path))!;
}
