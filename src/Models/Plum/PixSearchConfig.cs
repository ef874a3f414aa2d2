using System.Text.Json;
using System.Text.Json.Serialization;
using PixSearch.Models.Sam;
using PixSearch.Models.Text;
using PixSearch.Models.Vision;

namespace PixSearch.Models.Plum;

/// <summary>All sizes of a PixSearch (PLUM) model: what <c>config.json</c> of the project's own layout holds.</summary>
public sealed record PixSearchConfig
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.Strict,
    };

    /// <summary>The value of <c>model_type</c> in the project's layout.</summary>
    public const string Type = "pixsearch";

    /// <summary>Always <see cref="Type"/>.</summary>
    public string ModelType { get; init; } = Type;

    /// <summary>Name for users.</summary>
    public string Name { get; init; } = "";

    /// <summary>The language model.</summary>
    public required LlamaConfig TextConfig { get; init; }

    /// <summary>The vision transformer that feeds the language model.</summary>
    public required ClipVisionConfig VisionConfig { get; init; }

    /// <summary>SAM.</summary>
    public required SamConfig SamConfig { get; init; }

    /// <summary><c>linear</c> or <c>mlp2x_gelu</c>.</summary>
    public string MmProjectorType { get; init; } = "linear";

    /// <summary>Hidden state of the vision transformer that is used; -1 is the last.</summary>
    public int MmVisionSelectLayer { get; init; } = -2;

    /// <summary>
    /// How a picture becomes square: <c>pad</c> (with the mean colour, LLaVA-1.5) or <c>crop</c> (shortest side, then the middle:
    /// CLIP, LLaVA-1.0, LISA, PLUM).
    /// </summary>
    public string ImageAspectRatio { get; init; } = "crop";

    /// <summary>Heads of the span tagger's encoder.</summary>
    public int BioHeads { get; init; } = 8;

    /// <summary>Width of the span tagger's feed-forward layer.</summary>
    public int BioFeedForward { get; init; } = 2048;

    /// <summary>Heads of the mask pooler.</summary>
    public int PoolerHeads { get; init; } = 8;

    /// <summary>The configuration of pixsearch-nano; <paramref name="vocabularySize"/> is that of its tokenizer.</summary>
    public static PixSearchConfig Nano(int vocabularySize) => new()
    {
        Name = "pixsearch-nano",
        TextConfig = new LlamaConfig
        {
            HiddenSize = 256,
            NumHiddenLayers = 6,
            NumAttentionHeads = 8,
            NumKeyValueHeads = 8,
            IntermediateSize = 688,
            VocabSize = vocabularySize,
            MaxPositionEmbeddings = 1024,
        },
        VisionConfig = new ClipVisionConfig
        {
            ImageSize = 192,
            PatchSize = 16,
            HiddenSize = 192,
            NumHiddenLayers = 4,
            NumAttentionHeads = 6,
            IntermediateSize = 768,
        },
        SamConfig = new SamConfig
        {
            ImageSize = 256,
            PatchSize = 16,
            EmbedDim = 192,
            Depth = 6,
            NumHeads = 6,
            WindowSize = 8,
            GlobalAttnIndexes = [2, 5],
            OutChans = 128,
            DecoderHeads = 4,
            DecoderMlpDim = 512,
        },
        MmVisionSelectLayer = -1,
        ImageAspectRatio = "pad",
        BioFeedForward = 512,
    };

    /// <summary>Reads a configuration of the project's layout.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">It is not JSON, or a value is missing or out of range.</exception>
    public static PixSearchConfig Parse(string json)
    {
        try
        {
            PixSearchConfig? config = JsonSerializer.Deserialize<PixSearchConfig>(json, s_json);
            return (config ?? throw Config.Broken("it is null")).Validate();
        }
        catch (JsonException error)
        {
            throw Config.Broken($"it cannot be read: {error.Message}");
        }
    }

    /// <summary>The configuration as <c>config.json</c>.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, s_json);

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public PixSearchConfig Validate()
    {
        if (ModelType != Type)
        {
            throw Config.Broken($"model_type is '{ModelType}', not '{Type}'");
        }

        if (ImageAspectRatio is not ("pad" or "crop"))
        {
            throw Config.Broken($"image_aspect_ratio is '{ImageAspectRatio}'; known are pad and crop");
        }

        TextConfig.Validate();
        VisionConfig.Validate();
        SamConfig.Validate();
        int state = ClipVision.StateIndex(MmVisionSelectLayer, VisionConfig.NumHiddenLayers);
        if (state < 0 || state > VisionConfig.NumHiddenLayers)
        {
            throw Config.Broken($"mm_vision_select_layer is {MmVisionSelectLayer}; the vision transformer has " +
                $"{VisionConfig.NumHiddenLayers} layers");
        }

        Config.AtLeast("bio_heads", BioHeads, 1);
        Config.AtLeast("bio_feed_forward", BioFeedForward, 1);
        Config.Divides("bio_heads", BioHeads, "hidden_size", TextConfig.HiddenSize);
        Config.AtLeast("pooler_heads", PoolerHeads, 1);
        Config.Divides("pooler_heads", PoolerHeads, "sam out_chans", SamConfig.OutChans);
        return this;
    }
}
