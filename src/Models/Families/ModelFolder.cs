using System.Text;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Models.Llava;
using PixSearch.Models.PixelLm;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// Models in the project's own layout, whichever family: a folder with <c>config.json</c> (whose <c>model_type</c>
/// decides),
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
    internal const long ConfigLengthMax = 16L << 20;

    private static readonly string[] s_types =
    [
        PixSearchConfig.Type, LisaConfig.Type, PixelLmConfig.Type, PixelSailConfig.Type, EveSailConfig.Type,
        LlavaConfig.Type,
    ];

    /// <summary>Loads a model for serving.</summary>
    /// <param name="backend">Where it computes.</param>
    /// <param name="folder">A folder of the project's layout, or as the authors of a family saved it.</param>
    /// <param name="storage">How matrices are stored; null: as in the folder.</param>
    /// <exception cref="PixException">NotFound; BrokenArtifact, with all bad tensors in the message.</exception>
    public static ISegmentingModel Load(IBackend backend, string folder, WeightType? storage = null)
    {
        string type = ModelType(folder);
        if (!s_types.Contains(type))
        {
            return LoadPublished(backend, folder, type, storage);
        }

        using ITensorSource source = OpenWeights(folder);
        return Create(backend, type, ReadConfig(folder), source, LoadTokenizer(folder), storage);
    }

    /// <summary>Makes the model of a family from open tensors under the project's names.</summary>
    /// <exception cref="PixException">BrokenArtifact, with all bad tensors in the message.</exception>
    public static ISegmentingModel Create(IBackend backend, string type, string configJson, ITensorSource source,
        ITokenizer tokenizer, WeightType? storage = null)
    {
        var checkpoint = new CheckpointWeights(backend, source,
            new WeightLoadOptions { Ignore = PixSearchFolder.IsUnused, Storage = storage });
        return type switch
        {
            PixSearchConfig.Type => Build<ISegmentingModel>(checkpoint, weights => new PixSearchModel(backend, weights,
                new PixSearchNetwork(weights, PixSearchConfig.Parse(configJson)), tokenizer)),
            LisaConfig.Type => Build<ISegmentingModel>(checkpoint, weights => new LisaModel(backend, weights,
                new LlavaSamNetwork(weights, LisaConfig.Parse(configJson)), tokenizer)),
            PixelLmConfig.Type => Build<ISegmentingModel>(checkpoint, weights => new PixelLmModel(backend, weights,
                new PixelLmNetwork(weights, PixelLmConfig.Parse(configJson)), tokenizer)),
            EveSailConfig.Type => Build<ISegmentingModel>(checkpoint, weights => new EveSailModel(backend, weights,
                new EveSailNetwork(weights, EveSailConfig.Parse(configJson)), tokenizer)),
            PixelSailConfig.Type => Build<ISegmentingModel>(checkpoint, weights => new PixelSailModel(backend, weights,
                new PixelSailNetwork(weights, PixelSailConfig.Parse(configJson)), tokenizer)),
            LlavaConfig.Type => Build<ISegmentingModel>(checkpoint, weights => new LlavaModel(backend, weights,
                new LlavaNetwork(weights, LlavaConfig.Parse(configJson)), tokenizer)),
            _ => throw new PixException(PixErrorKind.BrokenArtifact,
                $"model_type '{type}' is unknown; known are {string.Join(", ", s_types)}."),
        };
    }

    /// <summary>True when a <c>model_type</c> is one of the project's own layout.</summary>
    public static bool IsOwnType(string modelType) =>
        s_types.Contains(modelType) || modelType == SamModelConfig.Type;

    /// <summary>Opens a folder's weights.</summary>
    /// <exception cref="PixException">NotFound; BrokenArtifact.</exception>
    public static ITensorSource OpenWeights(string folder)
    {
        string path = Path.Combine(folder, WeightsFile);
        return File.Exists(path)
            ? CheckpointSource.OpenFile(path)
            : throw new PixException(PixErrorKind.NotFound, $"There is no file of weights '{path}'.");
    }

    /// <summary>
    /// Builds a model of a checkpoint's weights, then refuses it if tensors were missing, wrong or left over.
    /// </summary>
    /// <exception cref="PixException">BrokenArtifact, with all bad tensors in the message.</exception>
    public static TModel Build<TModel>(CheckpointWeights checkpoint, Func<WeightStore, TModel> build)
    {
        var weights = new WeightStore(checkpoint);
        try
        {
            TModel model = build(weights);
            checkpoint.ThrowIfBroken();
            return model;
        }
        catch (ArgumentException error)
        {
            weights.Dispose();
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"The model configuration contradicts itself: {error.Message}", error);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Writes configuration and weights into a folder, which is made; the tokenizer's file is the
    /// caller's.</summary>
    /// <param name="configJson">The configuration.</param>
    /// <param name="weights">All weights, in plain form.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="type">F32 or BF16.</param>
    public static void Save(string configJson, WeightStore weights, string folder, ElementType type)
    {
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile),
            weights.All.Select(weight => TensorPayload.Of(weight, StoredType(weight, type))),
            new Dictionary<string, string> { ["format"] = "pt" });
        File.WriteAllText(Path.Combine(folder, ConfigFile), configJson + "\n");
    }

    /// <summary>The tokenizer of a folder.</summary>
    public static ITokenizer LoadTokenizer(string folder) => TokenizerJson.Load(Path.Combine(folder, TokenizerFile));

    /// <summary>The text of a folder's configuration.</summary>
    /// <exception cref="PixException">NotFound; BrokenArtifact when it is absurdly large.</exception>
    public static string ReadConfig(string folder)
    {
        string path = Path.GetFullPath(Path.Combine(folder, ConfigFile));
        byte[] bytes = InputFile.ReadAll(path, "model configuration", ConfigLengthMax);
        return Encoding.UTF8.GetString(bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes.AsSpan(3) : bytes);
    }

    // Positions are multiplied by 2 pi G: a G rounded to 8 bits would shift them all.
    private static ElementType StoredType(Weight weight, ElementType type) =>
        weight.Name.EndsWith("gaussian_matrix", StringComparison.Ordinal) ? ElementType.F32 : type;

    // A folder as its authors saved it. Files that leave the vision tower out are joined with CLIP's by px convert
    // --vision.
    private static ISegmentingModel LoadPublished(IBackend backend, string folder, string type, WeightType? storage)
    {
        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(folder);
        if (checkpoint.ModelType == SamModelConfig.Type)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"'{folder}' is SAM alone, which reads no text: it takes points, boxes and masks.");
        }

        if (checkpoint.ConfigJson is null)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{Path.Combine(folder, ConfigFile)}': model_type " +
                $"'{type}' is unknown (known are {string.Join(", ", s_types)}), and the tensors have the layout " +
                $"{checkpoint.Layout}, which is no whole model of a known family.");
        }

        if (checkpoint.LacksVision)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{folder}' leaves its vision tower out: join it with "
                + $"CLIP's checkpoint first: px convert {folder} --vision CLIP --out FOLDER.");
        }

        return Create(backend, checkpoint.ModelType!, checkpoint.ConfigJson, checkpoint.Source,
            TokenizerFolder.Load(folder, checkpoint.WantedTokens), storage);
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
