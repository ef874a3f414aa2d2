using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Models.Tokenizers;

/// <summary>
/// Qwen2's tokenizer as its slow form is saved: <c>vocab.json</c> (text to id) and <c>merges.txt</c> (a pair a line,
/// earliest first). The rest is fixed by the class: NFC, GPT-4's way of splitting with single digits, bytes.
/// </summary>
internal static class QwenVocabulary
{
    // Qwen's have 2.8 and 1.7 MB.
    private const long FileLengthMax = 64L << 20;

    private const string Split = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        + @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Bytes =
        """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}""";

    /// <summary>Both files as one <c>tokenizer.json</c>.</summary>
    /// <exception cref="PixException">BrokenArtifact.</exception>
    public static byte[] ToTokenizerJson(string vocabulary, string merges)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteStartArray("added_tokens");
            json.WriteEndArray();
            json.WriteStartObject("normalizer");
            json.WriteString("type", "NFC");
            json.WriteEndObject();
            json.WriteStartObject("pre_tokenizer");
            json.WriteString("type", "Sequence");
            json.WriteStartArray("pretokenizers");
            json.WriteStartObject();
            json.WriteString("type", "Split");
            json.WriteStartObject("pattern");
            json.WriteString("Regex", Split);
            json.WriteEndObject();
            json.WriteString("behavior", "Isolated");
            json.WriteBoolean("invert", false);
            json.WriteEndObject();
            json.WriteRawValue(Bytes);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WritePropertyName("decoder");
            json.WriteRawValue(Bytes);
            WriteModel(json, vocabulary, merges);
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void WriteModel(Utf8JsonWriter json, string vocabulary, string merges)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WritePropertyName("vocab");
        try
        {
            json.WriteRawValue(InputFile.ReadAll(vocabulary, "vocabulary", FileLengthMax));
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{vocabulary}' is not JSON: {error.Message}", error);
        }

        json.WriteStartArray("merges");
        byte[] pairs = InputFile.ReadAll(merges, "list of merges", FileLengthMax);
        using var lines = new StreamReader(new MemoryStream(pairs));
        while (lines.ReadLine() is { } line)
        {
            // The first line may say "#version: 0.2"; "#" itself begins pairs too, but never without a space after it.
            if (line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal))
            {
                json.WriteStringValue(line);
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
