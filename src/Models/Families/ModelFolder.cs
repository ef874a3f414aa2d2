using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Plum;
using PixSearch.Models.Tokenizers;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// Models in the project's own layout, whichever family: a folder with <c>config.json</c> (whose <c>model_type</c> decides),
/// <c>tokenizer.json</c> and <c>model.safetensors</c>.
/// </summary>
public static class ModelFolder
{
    /// <summary>File name of the configuration.</summary>
    public const string ConfigFile = "config.json";

    /// <summary>File name of the tokenizer.</summary>
    public const string TokenizerFile = "tokenizer.json";

    /// <summary>File name of the weights.</summary>
    public const string WeightsFile = "model.safetensors";

    // The largest known configuration has some 30 KB.
    private const long ConfigLengthMax = 16L << 20;

    /// <summary>Loads a model for serving.</summary>
    /// <exception cref="PixException">NotFound; BrokenArtifact, with all bad tensors in the message.</exception>
    public static ISegmentingModel Load(IBackend backend, string folder)
    {
        string type = ModelType(folder);
        return type switch
        {
            PixSearchConfig.Type => PixSearchFolder.Load(backend, folder, LoadTokenizer(folder)),
            _ => throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{Path.Combine(folder, ConfigFile)}': model_type '{type}' is unknown; known is {PixSearchConfig.Type}."),
        };
    }

    /// <summary>The tokenizer of a folder.</summary>
    public static ITokenizer LoadTokenizer(string folder) => TokenizerJson.Load(Path.Combine(folder, TokenizerFile));

    /// <summary>The text of a folder's configuration.</summary>
    /// <exception cref="PixException">NotFound; BrokenArtifact when it is absurdly large.</exception>
    public static string ReadConfig(string folder)
    {
        var file = new FileInfo(Path.Combine(folder, ConfigFile));
        if (!file.Exists)
        {
            throw new PixException(PixErrorKind.NotFound, $"There is no model configuration '{file.FullName}'.");
        }

        return file.Length <= ConfigLengthMax
            ? File.ReadAllText(file.FullName)
            : throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{file.FullName}' has {file.Length} bytes; a configuration has at most {ConfigLengthMax}.");
    }

    private static string ModelType(string folder)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(ReadConfig(folder));
            return document.RootElement.TryGetProperty("model_type", out JsonElement type) &&
                type.ValueKind == JsonValueKind.String ? type.GetString()! : "";
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{Path.Combine(folder, ConfigFile)}' is no JSON object: {error.Message}", error);
        }
    }
}
