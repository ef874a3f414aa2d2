using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Models.Tokenizers;

/// <summary>Finds the tokenizer of a checkpoint folder in any of the layouts it may be saved in.</summary>
public static class TokenizerFolder
{
    /// <summary>
    /// The tokenizer of a folder: <c>tokenizer.model</c> with the tokens of <c>added_tokens.json</c> where there is one
    /// (the layout that the published LLaVA descendants were trained with), otherwise <c>tokenizer.json</c>. Throws
    /// <see cref="PixException"/>: NotFound when there is neither.
    /// </summary>
    public static BpeTokenizer Load(string folder)
    {
        string sentencePiece = Path.Combine(folder, "tokenizer.model");
        if (File.Exists(sentencePiece))
        {
            return SentencePieceFile.Load(sentencePiece, ReadAdded(folder));
        }

        string json = Path.Combine(folder, "tokenizer.json");
        return File.Exists(json) ? TokenizerJson.Load(json)
            : throw new PixException(PixErrorKind.NotFound,
                $"'{folder}' holds neither tokenizer.model nor tokenizer.json.");
    }

    /// <summary>
    /// Tokens of <c>added_tokens.json</c> (a map of text to id), in order of id; none where there is no such file.
    /// </summary>
    public static IReadOnlyList<AddedToken> ReadAdded(string folder)
    {
        string path = Path.Combine(folder, "added_tokens.json");
        if (!File.Exists(path))
        {
            return [];
        }

        try
        {
            Dictionary<string, int> tokens = JsonSerializer.Deserialize<Dictionary<string,
                int>>(File.ReadAllBytes(path)) ?? [];
            return [.. tokens.OrderBy(pair => pair.Value).Select(pair =>
                new AddedToken(pair.Value, pair.Key, Special: false))];
        }
        catch (JsonException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{path}' is not a map of tokens to ids: {error.Message}", error);
        }
    }
}
