using System.Text.Encodings.Web;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Tokenizers.Protos;

namespace PixSearch.Models.Tokenizers;

/// <summary>Writes a SentencePiece model as a <c>tokenizer.json</c> that gives the same ids.</summary>
public static class SentencePieceConversion
{
    private const string Mark = "\u2581";

    /// <summary>
    /// Converts. <paramref name="added"/> are tokens added later, which keep the legacy treatment of white space
    /// (<see cref="SentencePieceFile"/>). Throws <see cref="PixException"/> (BrokenArtifact).
    /// </summary>
    public static byte[] ToTokenizerJson(byte[] model, string name, IReadOnlyList<AddedToken> added)
    {
        SentencePieceParts parts = SentencePieceFile.Read(model, name, added);
        if (parts.Rules.RemoveExtraWhitespaces || !parts.Rules.EscapeWhitespaces || parts.HasFrozenPieces)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{name}' cannot be written as tokenizer.json: it removes "
                + "extra white space, does not mark spaces, or has user-defined pieces.");
        }

        using var stream = new MemoryStream();
        var options = new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var json = new Utf8JsonWriter(stream, options))
        {
            json.WriteStartObject();
            json.WriteString("version", "1.0");
            json.WriteNull("truncation");
            json.WriteNull("padding");
            WriteAdded(json, parts.Tokenizer.Added);
            json.WritePropertyName("normalizer");
            json.WriteRawValue(Normalizer(parts.Rules.AddDummyPrefix));
            json.WriteNull("pre_tokenizer");
            json.WritePropertyName("post_processor");
            WriteTemplate(json, parts);
            json.WritePropertyName("decoder");
            json.WriteRawValue(Decoder(parts.Rules.AddDummyPrefix));
            WriteModel(json, parts);
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    private static string Normalizer(bool dummyPrefix)
    {
        const string Replace = "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" + Mark + "\"}";
        const string Prepend = "{\"type\":\"Prepend\",\"prepend\":\"" + Mark + "\"},";
        return "{\"type\":\"Sequence\",\"normalizers\":[" + (dummyPrefix ? Prepend : "") + Replace + "]}";
    }

    private static string Decoder(bool dummyPrefix)
    {
        const string Steps = "{\"type\":\"Replace\",\"pattern\":{\"String\":\"" + Mark + "\"},\"content\":\" \"},"
            + "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}";
        const string Strip = ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}";
        return "{\"type\":\"Sequence\",\"decoders\":[" + Steps + (dummyPrefix ? Strip : "") + "]}";
    }

    private static void WriteAdded(Utf8JsonWriter json, IReadOnlyList<AddedToken> added)
    {
        json.WriteStartArray("added_tokens");
        foreach (AddedToken token in added.OrderBy(token => token.Id))
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

    private static void WriteTemplate(Utf8JsonWriter json, SentencePieceParts parts)
    {
        if (parts.Tokenizer.PrefixIds is not [int begin])
        {
            json.WriteNullValue();
            return;
        }

        string token = parts.Model.Pieces[begin].Text;
        json.WriteStartObject();
        json.WriteString("type", "TemplateProcessing");
        json.WriteStartArray("single");
        WriteStep(json, "SpecialToken", token);
        WriteStep(json, "Sequence", "A");
        json.WriteEndArray();
        json.WriteStartArray("pair");
        WriteStep(json, "SpecialToken", token);
        WriteStep(json, "Sequence", "A");
        WriteStep(json, "Sequence", "B");
        json.WriteEndArray();
        json.WriteStartObject("special_tokens");
        json.WriteStartObject(token);
        json.WriteString("id", token);
        json.WriteStartArray("ids");
        json.WriteNumberValue(begin);
        json.WriteEndArray();
        json.WriteStartArray("tokens");
        json.WriteStringValue(token);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteStep(Utf8JsonWriter json, string kind, string id)
    {
        json.WriteStartObject();
        json.WriteStartObject(kind);
        json.WriteString("id", id);
        json.WriteNumber("type_id", 0);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteModel(Utf8JsonWriter json, SentencePieceParts parts)
    {
        BpeModel model = parts.Tokenizer.Model;
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        if (model.UnknownId >= 0)
        {
            json.WriteString("unk_token", parts.Model.Pieces[model.UnknownId].Text);
        }

        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", true);
        json.WriteBoolean("byte_fallback", model.ByteFallback);
        json.WriteStartObject("vocab");
        for (int id = 0; id < parts.Model.Pieces.Count; id++)
        {
            json.WriteNumber(parts.Model.Pieces[id].Text, id);
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach ((ulong pair, _) in parts.Merges.OrderBy(merge => merge.Value.Rank).ThenBy(merge => merge.Key))
        {
            SpPiece left = parts.Model.Pieces[(int)(pair >> 32)];
            SpPiece right = parts.Model.Pieces[(int)(uint)pair];

            // As a pair, not as one text: a piece may hold a space of its own.
            json.WriteStartArray();
            json.WriteStringValue(left.Text);
            json.WriteStringValue(right.Text);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
