using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Inference.Sessions;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Models.Families;
using PixSearch.Models.PixelLm;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Plum;

namespace PixSearch.Silo;

/// <summary>What the cluster serves, as a gateway knows it: from the model folders' configuration, without loading
/// weights.</summary>
internal sealed class ClusterCatalog : INodeCatalog
{
    public ClusterCatalog(SiloSettings settings)
    {
        (int context, int image) = Bounds(Path.Combine(settings.Models, settings.DefaultModel));
        var session = new SessionOptions();
        Models = [new ServedModel(settings.DefaultModel, context, image, session.SearchBudget, session.MasksMax)];
        Indexes =
        [
            .. settings.Indexes.Split(':', StringSplitOptions.RemoveEmptyEntries)
                .Select(path => Path.GetFileName(Path.TrimEndingDirectorySeparator(path))),
        ];
    }

    public IReadOnlyList<ServedModel> Models { get; }

    public IReadOnlyList<string> Indexes { get; }

    /// <summary>Tokens of the context, and the most that a picture takes, of a folder of any family.</summary>
    private static (int Context, int Image) Bounds(string folder)
    {
        string json = ModelFolder.ReadConfig(folder);
        string type = TypeOf(json);
        if (!ModelFolder.IsOwnType(type))
        {
            // A folder as its authors saved it: the reader knows its configuration in the project's own form.
            using PublishedCheckpoint published = PublishedCheckpoint.Open(folder);
            json = published.ConfigJson ?? json;
            type = TypeOf(json);
        }

        return type switch
        {
            PixSearchConfig.Type => Llava(PixSearchConfig.Parse(json)),
            LisaConfig.Type => Llava(LisaConfig.Parse(json)),
            PixelLmConfig.Type => PixelLm(PixelLmConfig.Parse(json)),
            // Their pictures keep their shape: bounded by the context alone.
            PixelSailConfig.Type => Whole(PixelSailConfig.Parse(json).TextConfig.MaxPositionEmbeddings),
            EveSailConfig.Type => Whole(EveSailConfig.Parse(json).TextConfig.MaxPositionEmbeddings),
            _ => throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{folder}' holds a model of type '{type}', which no family reads."),
        };
    }

    private static string TypeOf(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.TryGetProperty("model_type", out JsonElement type) ? type.GetString() ?? "" : "";
    }

    private static (int Context, int Image) Llava(LlavaSamConfig config)
    {
        int side = config.VisionConfig.ImageSize / config.VisionConfig.PatchSize;
        return (config.TextConfig.MaxPositionEmbeddings, side * side);
    }

    private static (int Context, int Image) PixelLm(PixelLmConfig config) =>
        (config.TextConfig.MaxPositionEmbeddings, config.TextGrid * config.TextGrid);

    private static (int Context, int Image) Whole(int context) => (context, context);
}
