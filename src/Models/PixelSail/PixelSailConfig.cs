using System.Text.Json.Serialization;
using PixSearch.Models.Text;

namespace PixSearch.Models.PixelSail;

/// <summary>Sizes of Pixel-SAIL on SOLO (arXiv 2504.10465): what <c>config.json</c> of the project's own layout
/// holds.</summary>
public sealed record PixelSailConfig
{
    /// <summary>The value of <c>model_type</c> in the project's layout.</summary>
    public const string Type = "pixel_sail";

    // The released code projects wider hidden states down to this width first.
    private const int InnerMax = 1024;

    /// <summary>Always <see cref="Type"/>.</summary>
    public string ModelType { get; init; } = Type;

    /// <summary>Name for users.</summary>
    public string Name { get; init; } = "";

    /// <summary>The transformer (Qwen2.5).</summary>
    public required LlamaConfig TextConfig { get; init; }

    /// <summary>Side of a patch in pixels: 16 in all released configurations.</summary>
    public int PatchSize { get; init; } = 16;

    /// <summary>Longest side of a picture in pixels.</summary>
    public int LongestSide { get; init; } = 1024;

    /// <summary>Channels in which masks are inner products: 512 SOLO, 256 EVE.</summary>
    public int SegHidden { get; init; } = 512;

    /// <summary>Width of the mask head.</summary>
    [JsonIgnore]
    public int InnerSize => Math.Min(TextConfig.HiddenSize, InnerMax);

    /// <summary>Up-sampling blocks: 1 + log2(patch / 4), which gives an output stride of 2.</summary>
    [JsonIgnore]
    public int UpsampleCount => 1 + int.Log2(PatchSize / 4);

    /// <summary>Reads a configuration of the project's layout.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">It is not JSON, or a value is missing or out of
    /// range.</exception>
    public static PixelSailConfig Parse(string json) => ConfigJson.Parse<PixelSailConfig>(json).Validate();

    /// <summary>The configuration as <c>config.json</c>.</summary>
    public string ToJson() => ConfigJson.Write(this);

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public PixelSailConfig Validate()
    {
        ConfigJson.CheckType(ModelType, Type);
        TextConfig.Validate();
        Config.AtLeast("patch_size", PatchSize, 4);
        Config.Between("longest_side", LongestSide, PatchSize, 8192);
        Config.AtLeast("seg_hidden", SegHidden, 1);
        Config.Divides("patch_size", PatchSize, "longest_side", LongestSide);
        Config.Divides("4", 4, "head size (M-RoPE)", TextConfig.HeadSize);
        return int.IsPow2(PatchSize)
            ? this
            : throw Config.Broken($"patch_size is {PatchSize}; it must be a power of 2");
    }
}
