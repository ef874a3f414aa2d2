using System.Globalization;
using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Models.Tokenizers;

/// <summary>Finds the tokenizer of a checkpoint folder in any of the layouts it may be saved in.</summary>
public static class TokenizerFolder
{
    private const string SentencePiece = "tokenizer.model";
    private const string Json = "tokenizer.json";
    private const string Vocabulary = "vocab.json";
    private const string Merges = "merges.txt";

    // The largest known (Llama 3's, with its reserved tokens) has 50 KB.
    private const long ListLengthMax = 16L << 20;

    // What LLaVA's code adds with special_tokens=True; added_tokens.json does not tell.
    private static readonly string[] s_special = ["<im_start>", "<im_end>", "<im_patch>", "<pad>"];

    /// <summary>
    /// The tokenizer of a folder: <c>tokenizer.model</c> (the layout that the published LLaVA descendants were trained
    /// with), otherwise <c>tokenizer.json</c>, otherwise Qwen2's <c>vocab.json</c> and <c>merges.txt</c>; each with the
    /// tokens of <c>added_tokens.json</c> and <c>tokenizer_config.json</c>.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="wanted">
    /// Special tokens that the family's code adds to a base model's tokenizer after loading: where the first is
    /// missing, those that are not there get the next ids, in this order. Only for the byte-level kinds.
    /// </param>
    /// <exception cref="PixException">NotFound when there is none of the three; BrokenArtifact.</exception>
    public static BpeTokenizer Load(string folder, IReadOnlyList<string>? wanted = null)
    {
        string sentencePiece = Path.Combine(folder, SentencePiece);
        return File.Exists(sentencePiece)
            ? SentencePieceFile.Load(sentencePiece, AddedTo(sentencePiece, folder))
            : TokenizerJson.Parse(
                ReadJson(folder, wanted ?? []) ?? throw new PixException(PixErrorKind.NotFound,
                    $"'{folder}' holds neither {SentencePiece} nor {Json} nor {Vocabulary} with {Merges}."),
                folder);
    }

    /// <summary>The same as the bytes of a <c>tokenizer.json</c>; null when the folder holds no tokenizer.</summary>
    /// <exception cref="PixException">BrokenArtifact.</exception>
    public static byte[]? ToTokenizerJson(string folder, IReadOnlyList<string>? wanted = null)
    {
        string sentencePiece = Path.Combine(folder, SentencePiece);
        return File.Exists(sentencePiece)
            ? SentencePieceConversion.ToTokenizerJson(SentencePieceFile.ReadBytes(sentencePiece), folder,
                AddedTo(sentencePiece, folder))
            : ReadJson(folder, wanted ?? []);
    }

    /// <summary>
    /// Tokens of <c>added_tokens.json</c> (a map of text to id) and of <c>added_tokens_decoder</c> in
    /// <c>tokenizer_config.json</c>, in order of id; none where there are no such files.
    /// </summary>
    public static IReadOnlyList<AddedToken> ReadAdded(string folder)
    {
        var tokens = new SortedDictionary<int, AddedToken>();
        try
        {
            if (ReadElement(folder, "added_tokens.json") is { } map)
            {
                foreach (JsonProperty token in map.EnumerateObject())
                {
                    int id = token.Value.GetInt32();
                    tokens[id] = new AddedToken(id, token.Name, s_special.Contains(token.Name));
                }
            }

            if (ReadElement(folder, "tokenizer_config.json") is { ValueKind: JsonValueKind.Object } config
                && config.TryGetProperty("added_tokens_decoder", out JsonElement decoder))
            {
                foreach (JsonProperty token in decoder.EnumerateObject())
                {
                    int id = int.Parse(token.Name, NumberStyles.None, CultureInfo.InvariantCulture);
                    tokens[id] = new AddedToken(id, token.Value.GetProperty("content").GetString() ?? "",
                        token.Value.TryGetProperty("special", out JsonElement special) && special.GetBoolean());
                }
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException
            or KeyNotFoundException or OverflowException)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{folder}': added_tokens.json or tokenizer_config.json is damaged: {error.Message}", error);
        }

        return [.. tokens.Values];
    }

    private static JsonElement? ReadElement(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        if (!File.Exists(path))
        {
            return null;
        }

        using JsonDocument document = JsonDocument.Parse(InputFile.ReadAll(path, "list of tokens", ListLengthMax));
        return document.RootElement.Clone();
    }

    // tokenizer_config.json also lists the vocabulary's own control pieces.
    private static AddedToken[] AddedTo(string sentencePiece, string folder)
    {
        IReadOnlyList<AddedToken> added = ReadAdded(folder);
        if (added.Count == 0)
        {
            return [];
        }

        BpeTokenizer plain = SentencePieceFile.Load(sentencePiece);
        return [.. added.Where(token => plain.IdOf(token.Content) < 0)];
    }

    private static byte[]? ReadJson(string folder, IReadOnlyList<string> wanted)
    {
        string path = Path.Combine(folder, Json);
        BpeTokenizer tokenizer;
        byte[] json;
        if (File.Exists(path))
        {
            json = TokenizerJson.Read(path);
            tokenizer = TokenizerJson.Parse(json, path);
        }
        else if (File.Exists(Path.Combine(folder, Vocabulary)) && File.Exists(Path.Combine(folder, Merges)))
        {
            json = QwenVocabulary.ToTokenizerJson(Path.Combine(folder, Vocabulary), Path.Combine(folder, Merges));
            tokenizer = TokenizerJson.Parse(json, folder);
        }
        else
        {
            return null;
        }

        List<AddedToken> missing = [.. ReadAdded(folder).Where(token => tokenizer.IdOf(token.Content) < 0)];
        int next = Math.Max(tokenizer.VocabularySize, missing.Select(token => token.Id + 1).DefaultIfEmpty(0).Max());
        bool Knows(string content) =>
            tokenizer.IdOf(content) >= 0 || missing.Exists(token => token.Content == content);
        string[] more = wanted.Count == 0 || Knows(wanted[0]) ? [] : [.. wanted.Where(content => !Knows(content))];
        missing.AddRange(more.Select(content => new AddedToken(next++, content, Special: true)));

        return missing.Count == 0 ? json : WithAdded(json, missing);
    }

    private static byte[] WithAdded(byte[] json, IEnumerable<AddedToken> more)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        using var stream = new MemoryStream(json.Length + 4096);
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("added_tokens");
            if (document.RootElement.TryGetProperty("added_tokens", out JsonElement known)
                && known.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement token in known.EnumerateArray())
                {
                    token.WriteTo(writer);
                }
            }

            foreach (AddedToken token in more)
            {
                writer.WriteStartObject();
                writer.WriteNumber("id", token.Id);
                writer.WriteString("content", token.Content);
                writer.WriteBoolean("special", token.Special);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (property.Name != "added_tokens")
                {
                    property.WriteTo(writer);
                }
            }

            writer.WriteEndObject();
        }

        return stream.ToArray();
    }
}
