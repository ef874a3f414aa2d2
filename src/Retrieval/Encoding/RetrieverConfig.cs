using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Vision;

namespace PixSearch.Retrieval;

/// <summary><c>config.json</c> of an index encoder: a CLIP-type vision transformer with a projection.</summary>
public sealed record RetrieverConfig
{
    /// <summary>The value of <see cref="ModelType"/>.</summary>
    public const string Type = "pixsearch-retriever";

    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
    };

    /// <summary>Always <see cref="Type"/>.</summary>
    public string ModelType { get; init; } = Type;

    /// <summary>Name for users.</summary>
    public string Name { get; init; } = "";

    /// <summary>The transformer.</summary>
    public required ClipVisionConfig VisionConfig { get; init; }

    /// <summary>Length of a vector.</summary>
    public required int ProjectionDim { get; init; }

    /// <summary>
    /// How a picture becomes square: <c>pad</c> (centred on the mean colour, for crops: nothing may be cut off), the
    /// only rule.
    /// </summary>
    public string ImageAspectRatio { get; init; } = "pad";

    /// <summary>The configuration of retriever-nano.</summary>
    public static RetrieverConfig Nano { get; } = new()
    {
        Name = "retriever-nano",
        ProjectionDim = 128,
        VisionConfig = new ClipVisionConfig
        {
            ImageSize = 96,
            PatchSize = 12,
            HiddenSize = 192,
            NumHiddenLayers = 4,
            NumAttentionHeads = 6,
            IntermediateSize = 768,
        },
    };

    /// <summary>Reads and checks a configuration.</summary>
    /// <param name="json">The text.</param>
    /// <param name="path">For messages.</param>
    /// <exception cref="PixException">BrokenArtifact naming the file and the value.</exception>
    public static RetrieverConfig Parse(string json, string path)
    {
        RetrieverConfig config;
        try
        {
            config = JsonSerializer.Deserialize<RetrieverConfig>(json, s_json) ?? throw new JsonException("it is null");
        }
        catch (JsonException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"{path} is no encoder configuration: {error.Message}",
                error);
        }

        if (config.ModelType != Type)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"{path} has model_type \"{config.ModelType}\"; an index encoder has \"{Type}\".");
        }

        if (config.ImageAspectRatio != "pad" || config.ProjectionDim is < 1 or > 65536)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"{path} has image_aspect_ratio \"{config.ImageAspectRatio}\" and "
                + $"projection_dim {config.ProjectionDim}; they must be \"pad\" and 1 to 65536.");
        }

        config.VisionConfig.Validate();
        return config;
    }

    /// <summary>The text of <c>config.json</c>.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, s_json) + "\n";
}
