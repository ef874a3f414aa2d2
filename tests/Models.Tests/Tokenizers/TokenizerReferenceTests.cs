using System.Globalization;
using System.Text.Json;
using PixSearch.Models.Tokenizers;

namespace PixSearch.Models.Tests.Tokenizers;

// Goal: the same ids as the reference implementations, token by token, on real vocabularies. The references are made by
// golden/make-tokenizer-references.sh outside of the repository; without them these tests skip and say so.
public sealed class TokenizerReferenceTests
{
    // Characters that .NET's tables and the reference's place differently, since they follow different Unicode
    // versions.
    [ReferenceTheory]
    [InlineData("qwen3", "rust")]
    [InlineData("llama3", "rust")]
    [InlineData("mistral", "rust")]
    public void Encode_RealVocabulary_GivesTheIdsOfTheReference(string vocabulary, string reference)
    {
        string folder = Path.Combine(ReferenceTheoryAttribute.Folder, vocabulary);
        BpeTokenizer tokenizer = TokenizerJson.Load(Path.Combine(folder, "tokenizer.json"));
        Compare(tokenizer, Path.Combine(folder, $"{reference}.json"));
    }

    // Control pieces in the text are split off by our tokenizer, as by LLaMA's; SentencePiece itself reads them as
    // text.
    [ReferenceTheory]
    [InlineData("llama")]
    public void Encode_SentencePieceModel_GivesTheIdsOfSentencePiece(string vocabulary)
    {
        string folder = Path.Combine(ReferenceTheoryAttribute.Folder, vocabulary);
        BpeTokenizer tokenizer = SentencePieceFile.Load(Path.Combine(folder, "tokenizer.model"));
        Compare(tokenizer, Path.Combine(folder, "sentencepiece.json"),
            text => !text.Contains("<s>", StringComparison.Ordinal));
        string[] texts = Read<string[]>(Path.Combine(ReferenceTheoryAttribute.Folder, "texts.json"));
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
        string folder = Path.Combine(ReferenceTheoryAttribute.Folder, vocabulary);
        byte[] model = File.ReadAllBytes(Path.Combine(folder, "tokenizer.model"));
        BpeTokenizer tokenizer = TokenizerJson.Parse(SentencePieceConversion.ToTokenizerJson(model, "model", []),
            "json");
        Compare(tokenizer, Path.Combine(folder, "sentencepiece.json"),
            text => !text.Contains("<s>", StringComparison.Ordinal));
    }

    [ReferenceTheory]
    [InlineData("nfc.json")]
    public void Nfc_EveryText_IsThatOfNode(string file)
    {
        string[] texts = Read<string[]>(Path.Combine(ReferenceTheoryAttribute.Folder, "texts.json"));
        string[] expected = Read<string[]>(Path.Combine(ReferenceTheoryAttribute.Folder, file));
        for (int i = 0; i < texts.Length; i++)
        {
            string actual = new TextNormalizer.Nfc().Apply(new AlignedText(texts[i], 0)).Text;
            Assert.True(actual == expected[i],
                $"{i}: {Describe(texts[i])}: {Describe(actual)}, not {Describe(expected[i])}");
        }
    }

    private static void Compare(BpeTokenizer tokenizer, string file, Func<string, bool>? includes = null)
    {
        string[] texts = Read<string[]>(Path.Combine(ReferenceTheoryAttribute.Folder, "texts.json"));
        int[]?[] expected = Read<int[]?[]>(file);
        Assert.Equal(texts.Length, expected.Length);
        var differences = new List<string>();
        for (int i = 0; i < texts.Length; i++)
        {
            if (expected[i] is { } ids && includes?.Invoke(texts[i]) != false
                && !tokenizer.Encode(texts[i]).AsSpan().SequenceEqual(ids))
            {
                differences.Add($"{i}: {Describe(texts[i])}: {string.Join(' ', tokenizer.Encode(texts[i]).Take(70))} "
                    + $"instead of {string.Join(' ', ids.Take(70))}");
            }
        }

        Assert.True(differences.Count == 0, $"{differences.Count} of {texts.Length} texts differ:\n"
            + string.Join('\n', differences.Take(20)));
    }

    private static string Describe(string text) => string.Concat(text.Take(80).Select(unit =>
        unit is > ' ' and < '\u007f' ? unit.ToString()
            : $"\\u{((int)unit).ToString("x4", CultureInfo.InvariantCulture)}"));

    private static T Read<T>(string path) => JsonSerializer.Deserialize<T>(File.ReadAllBytes(path))!;
}

/// <summary>A theory that needs the references; skipped with the reason where they are missing.</summary>
public sealed class ReferenceTheoryAttribute : TheoryAttribute
{
    public ReferenceTheoryAttribute()
    {
        if (!File.Exists(Path.Combine(Folder, "llama", "sentencepiece.json")))
        {
            Skip = $"No tokenizer references in {Folder}: run tests/Models.Tests/golden/make-tokenizer-references.sh "
                + "(needs npm and apt).";
        }
    }

    public static string Folder { get; } = Environment.GetEnvironmentVariable("PX_TOKENIZER_CACHE")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "pixsearch",
            "tokenizers");
}
