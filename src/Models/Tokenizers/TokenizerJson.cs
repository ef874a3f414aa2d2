using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Models.Tokenizers;

/// <summary>
/// Reads <c>tokenizer.json</c> (the format of Hugging Face tokenizers): byte-pair models over bytes (GPT-2, Qwen, Llama
/// 3) or over characters with byte fallback (LLaMA). What it does not know it refuses by name, since a tokenizer that
/// is nearly right is wrong.
/// </summary>
public static class TokenizerJson
{
    // The largest known file (Qwen 3, Gemma 3) has 11 to 33 MB.
    private const long FileLengthMax = 128L << 20;

    /// <summary>Reads a file; throws <see cref="PixException"/>: NotFound or BrokenArtifact.</summary>
    public static BpeTokenizer Load(string path)
    {
        return Parse(Read(path), path);
    }

    /// <summary>The bytes of a file that is not absurdly long.</summary>
    internal static byte[] Read(string path) => InputFile.ReadAll(path, "tokenizer file", FileLengthMax);

    /// <summary>Reads the bytes of a file; the name is for messages.</summary>
    public static BpeTokenizer Parse(ReadOnlyMemory<byte> json, string name)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 32 });
            return new BpeTokenizer(new TokenizerJsonReader(name).Read(document.RootElement));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException
            or KeyNotFoundException or OverflowException)
        {
            // JsonElement throws these for a property that is missing or of another kind than expected.
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{name}' is not a tokenizer.json: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }
}
