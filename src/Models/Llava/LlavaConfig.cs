using PixSearch.Models.Text;
using PixSearch.Models.Vision;

namespace PixSearch.Models.Llava;

/// <summary>All sizes of a LLaVA (no masks) in the project's own layout.</summary>
public sealed record LlavaConfig
{
    /// <summary>The value of <c>model_type</c> in the project's layout; the authors' own is <c>llava</c>.</summary>
    public const string Type = "llava_language";

    /// <summary>Always <see cref="Type"/>.</summary>
    public string ModelType { get; init; } = Type;

    /// <summary>Name for users.</summary>
    public string Name { get; init; } = "";

    /// <summary>The language model.</summary>
    public required LlamaConfig TextConfig { get; init; }

    /// <summary>The vision transformer that feeds it.</summary>
    public required ClipVisionConfig VisionConfig { get; init; }

    /// <summary><c>linear</c> or <c>mlp2x_gelu</c>.</summary>
    public string MmProjectorType { get; init; } = "mlp2x_gelu";

    /// <summary>Hidden state of the vision transformer that is used; -1 is the last.</summary>
    public int MmVisionSelectLayer { get; init; } = -2;

    /// <summary><c>pad</c> (LLaVA-1.5 as its authors run it) or <c>crop</c> (LLaVA-1.0, and transformers).</summary>
    public string ImageAspectRatio { get; init; } = "pad";

    /// <summary>
    /// Whether the picture stands between <c>&lt;im_start&gt;</c> and <c>&lt;im_end&gt;</c> (LLaVA-1.0).
    /// </summary>
    public bool MmUseImStartEnd { get; init; }

    /// <summary>Text before <c>USER:</c>; empty for none.</summary>
    public string SystemPrompt { get; init; } = Families.PixSearchPrompt.LlavaSystem;

    /// <summary>Reads a configuration of the project's layout.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">It is not JSON, or a value is missing or out of
    /// range.</exception>
    public static LlavaConfig Parse(string json) => ConfigJson.Parse<LlavaConfig>(json).Validate();

    /// <summary>The configuration as <c>config.json</c>.</summary>
    public string ToJson() => ConfigJson.Write(this);

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public LlavaConfig Validate()
    {
        ConfigJson.CheckType(ModelType, Type);
        TextConfig.Validate();
        VisionConfig.Validate();
        if (ImageAspectRatio is not ("pad" or "crop"))
        {
            throw Config.Broken($"image_aspect_ratio is '{ImageAspectRatio}'; known are pad and crop");
        }

        int state = ClipVision.StateIndex(MmVisionSelectLayer, VisionConfig.NumHiddenLayers);
        return state >= 0 && state <= VisionConfig.NumHiddenLayers
            ? this
            : throw Config.Broken($"mm_vision_select_layer is {MmVisionSelectLayer}; the vision transformer has "
                + $"{VisionConfig.NumHiddenLayers} layers");
    }
}
