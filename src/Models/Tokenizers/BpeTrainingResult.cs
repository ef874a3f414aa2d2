using System.Text.Encodings.Web;
using System.Text.Json;

namespace PixSearch.Models.Tokenizers;

/// <summary>A learned vocabulary: added tokens, bytes, merges, in the order of their ids.</summary>
public sealed class BpeTrainingResult
{
    private readonly IReadOnlyList<AddedToken> _added;
    private readonly List<byte[]> _tokens;
    private readonly List<(int Left, int Right)> _merges;

    internal BpeTrainingResult(IReadOnlyList<AddedToken> added, List<byte[]> tokens, List<(int Left, int Right)> merges)
    {
        _added = added;
        _tokens = tokens;
        _merges = merges;
    }

    /// <summary>Ids in all.</summary>
    public int VocabularySize => _added.Count + _tokens.Count;

    /// <summary>
    /// The vocabulary as a <c>tokenizer.json</c> that Hugging Face tokenizers load too. <paramref name="beginToken"/>
    /// goes in front when special tokens are asked for.
    /// </summary>
    public byte[] ToTokenizerJson(string beginToken = "<s>")
    {
        using var stream = new MemoryStream();
        // The relaxed encoder writes letters as they are; every file of this format does.
        var options = new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var json = new Utf8JsonWriter(stream, options))
        {
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            json.WriteNull("truncation");
            json.WriteNull("padding");
            WriteAdded(json);
            json.WriteStartObject("normalizer");
            json.WriteString("type", "NFC");
            json.WriteEndObject();
            WritePreTokenizer(json);
            WriteTemplate(json, _added.First(token => token.Content == beginToken));
            WriteByteLevel(json, "decoder");
            WriteModel(json);
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static void WriteByteLevel(Utf8JsonWriter json, string? property)
    {
        if (property is null)
        {
            json.WriteStartObject();
        }
        else
        {
            json.WriteStartObject(property);
        }

        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", false);
        json.WriteBoolean("use_regex", false);
        json.WriteEndObject();
    }

    private static void WritePreTokenizer(Utf8JsonWriter json)
    {
        json.WriteStartObject("pre_tokenizer");
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        json.WriteStartObject();
        json.WriteString("type", "Split");
        json.WriteStartObject("pattern");
        json.WriteString("Regex", RegexSplitter.QwenPattern);
        json.WriteEndObject();
        json.WriteString("behavior", "Isolated");
        json.WriteBoolean("invert", false);
        json.WriteEndObject();
        WriteByteLevel(json, null);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteTemplate(Utf8JsonWriter json, AddedToken begin)
    {
        json.WriteStartObject("post_processor");
        json.WriteString("type", "TemplateProcessing");
        foreach (string form in (string[])["single", "pair"])
        {
            json.WriteStartArray(form);
            WriteStep(json, "SpecialToken", begin.Content, 0);
            WriteStep(json, "Sequence", "A", 0);
            if (form == "pair")
            {
                WriteStep(json, "Sequence", "B", 1);
            }

            json.WriteEndArray();
        }

        json.WriteStartObject("special_tokens");
        json.WriteStartObject(begin.Content);
        json.WriteString("id", begin.Content);
        json.WriteStartArray("ids");
        json.WriteNumberValue(begin.Id);
        json.WriteEndArray();
        json.WriteStartArray("tokens");
        json.WriteStringValue(begin.Content);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteStep(Utf8JsonWriter json, string kind, string id, int typeId)
    {
        json.WriteStartObject();
        json.WriteStartObject(kind);
        json.WriteString("id", id);
        json.WriteNumber("type_id", typeId);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private void WriteAdded(Utf8JsonWriter json)
    {
        json.WriteStartArray("added_tokens");
        foreach (AddedToken token in _added)
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            json.WriteString("content", token.Content);
            json.WriteBoolean("single_word", token.SingleWord);
            json.WriteBoolean("lstrip", token.StripLeft);
            json.WriteBoolean("rstrip", token.StripRight);
            json.WriteBoolean("normalized", token.Normalized);
            json.WriteBoolean("special", token.Special);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void WriteModel(Utf8JsonWriter json)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteNull("unk_token");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", false);
        json.WriteStartObject("vocab");
        foreach (AddedToken token in _added)
        {
            json.WriteNumber(token.Content, token.Id);
        }

        for (int i = 0; i < _tokens.Count; i++)
        {
            json.WriteNumber(ByteAlphabet.TextOf(_tokens[i]), _added.Count + i);
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach ((int left, int right) in _merges)
        {
            json.WriteStringValue($"{ByteAlphabet.TextOf(_tokens[left])} {ByteAlphabet.TextOf(_tokens[right])}");
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
