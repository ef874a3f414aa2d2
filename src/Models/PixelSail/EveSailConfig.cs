using System.Text.Json.Serialization;
using PixSearch.Models.Text;

namespace PixSearch.Models.PixelSail;

/// <summary>Sizes of Pixel-SAIL 7B on EVEv2 in the project's own layout (systems.md §3.7).</summary>
public sealed record EveSailConfig
{
    /// <summary>The value of <c>model_type</c> in the project's layout.</summary>
    public const string Type = "pixel_sail_eve";

    /// <summary>Pixels along the side of a slot: Conv 16x16/16, then Conv 2x2/2.</summary>
    public const int Stride = 32;

    // The released code projects wider hidden states down to this width first.
    private const int InnerMax = 1024;

    /// <summary>Always <see cref="Type"/>.</summary>
    public string ModelType { get; init; } = Type;

    /// <summary>Name for users.</summary>
    public string Name { get; init; } = "";

    /// <summary>The transformer; <see cref="LlamaConfig.VisionTwin"/> is set.</summary>
    public required LlamaConfig TextConfig { get; init; }

    /// <summary>Pictures are resized to about the square of this area in pixels: 1600 or 800.</summary>
    public int AreaSide { get; init; } = 800;

    /// <summary>Channels between the two convolutions that make patches (<c>mm_hidden_size</c>).</summary>
    public int PatchHidden { get; init; } = 1024;

    /// <summary>Channels in which masks are inner products.</summary>
    public int SegHidden { get; init; } = 256;

    /// <summary>Width of the mask head.</summary>
    [JsonIgnore]
    public int InnerSize => Math.Min(TextConfig.HiddenSize, InnerMax);

    /// <summary>Up-sampling blocks: 1 + log2(32 / 4).</summary>
    [JsonIgnore]
    public int UpsampleCount => 1 + int.Log2(Stride / 4);

    /// <summary>Reads a configuration of the project's layout.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">It is not JSON, or a value is missing or out of
    /// range.</exception>
    public static EveSailConfig Parse(string json) => ConfigJson.Parse<EveSailConfig>(json).Validate();

    /// <summary>The configuration as <c>config.json</c>.</summary>
    public string ToJson() => ConfigJson.Write(this);

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public EveSailConfig Validate()
    {
        ConfigJson.CheckType(ModelType, Type);
        TextConfig.Validate();
        Config.Between("area_side", AreaSide, Stride, 8192);
        Config.AtLeast("seg_hidden", SegHidden, 1);
        Config.AtLeast("patch_hidden", PatchHidden, 1);
        return TextConfig.VisionTwin
            ? this
            : throw Config.Broken(
                "text_config.vision_twin is false; EVEv2's layers have weights of their own for pictures");
    }
}
