using System.Text.Json.Serialization;
using PixSearch.Models.Text;
using PixSearch.Models.Vision;

namespace PixSearch.Models.PixelLm;

/// <summary>
/// Sizes of PixelLM (Ren et al. 2024): what <c>config.json</c> of the project's own layout holds. Two scales and three
/// tokens a scale are fixed in the authors' code.
/// </summary>
public sealed record PixelLmConfig
{
    /// <summary>The value of <c>model_type</c> in the project's layout.</summary>
    public const string Type = "pixellm";

    /// <summary>Codebook tokens a scale.</summary>
    public const int TokensPerLevel = 3;

    /// <summary>Codebook tokens a target: <c>[SEG0]</c> to <c>[SEG5]</c>.</summary>
    public const int TokensPerTarget = PixelLmMaskDecoder.LevelCount * TokensPerLevel;

    /// <summary>Always <see cref="Type"/>.</summary>
    public string ModelType { get; init; } = Type;

    /// <summary>Name for users.</summary>
    public string Name { get; init; } = "";

    /// <summary>The language model.</summary>
    public required LlamaConfig TextConfig { get; init; }

    /// <summary>CLIP at the size that it was trained with (336).</summary>
    public required ClipVisionConfig VisionConfig { get; init; }

    /// <summary>Side of the pictures that CLIP sees here, in pixels; its position table is resized to it.</summary>
    public int InputSize { get; init; } = 448;

    /// <summary>Side of the grid of picture slots in the language model.</summary>
    public int TextGrid { get; init; } = 16;

    /// <summary>CLIP's hidden states of the two scales; the first feeds the language model too.</summary>
    public IReadOnlyList<int> VisionLayers { get; init; } = [-2, -11];

    /// <summary>Width of the pixel decoder.</summary>
    public int DecoderDim { get; init; } = 256;

    /// <summary>Heads of the pixel decoder.</summary>
    public int DecoderHeads { get; init; } = 8;

    /// <summary>Width of the pixel decoder's perceptrons.</summary>
    public int DecoderMlpDim { get; init; } = 2048;

    /// <summary>Patches along a side of the input.</summary>
    [JsonIgnore]
    public int Grid => InputSize / VisionConfig.PatchSize;

    /// <summary>Reads a configuration of the project's layout.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">It is not JSON, or a value is missing or out of
    /// range.</exception>
    public static PixelLmConfig Parse(string json) => ConfigJson.Parse<PixelLmConfig>(json).Validate();

    /// <summary>The configuration as <c>config.json</c>.</summary>
    public string ToJson() => ConfigJson.Write(this);

    /// <summary>Indices of the hidden states of the scales.</summary>
    public int[] VisionStates() =>
        [.. VisionLayers.Select(layer => ClipVision.StateIndex(layer, VisionConfig.NumHiddenLayers))];

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public PixelLmConfig Validate()
    {
        ConfigJson.CheckType(ModelType, Type);
        TextConfig.Validate();
        VisionConfig.Validate();
        Config.AtLeast("input_size", InputSize, 1);
        Config.Divides("vision patch_size", VisionConfig.PatchSize, "input_size", InputSize);
        Config.Grid("input_size / patch_size", Grid);
        Config.AtLeast("text_grid", TextGrid, 1);
        Config.Divides("text_grid", TextGrid, "input_size / patch_size", Grid);
        Config.AtLeast("decoder_mlp_dim", DecoderMlpDim, 1);
        Config.AtLeast("decoder_heads", DecoderHeads, 1);
        Config.Divides("8", 8, "decoder_dim", DecoderDim);
        Config.Divides("2 * decoder_heads", 2 * DecoderHeads, "decoder_dim", DecoderDim);
        if (VisionLayers.Count != PixelLmMaskDecoder.LevelCount)
        {
            throw Config.Broken($"vision_layers has {VisionLayers.Count} entries, not {PixelLmMaskDecoder.LevelCount}");
        }

        return VisionStates().All(state => state >= 0 && state <= VisionConfig.NumHiddenLayers)
            ? this
            : throw Config.Broken($"vision_layers is [{string.Join(", ", VisionLayers)}]; the vision transformer has " +
                $"{VisionConfig.NumHiddenLayers} layers");
    }
}
