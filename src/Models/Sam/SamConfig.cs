using System.Text.Json.Serialization;

namespace PixSearch.Models.Sam;

/// <summary>
/// Sizes of Segment Anything (Kirillov et al. 2023). Defaults are those of ViT-B/L/H where they agree.
/// </summary>
public sealed record SamConfig
{
    /// <summary>Side of the padded input picture in pixels.</summary>
    public int ImageSize { get; init; } = 1024;

    /// <summary>Side of a patch in pixels.</summary>
    public int PatchSize { get; init; } = 16;

    /// <summary>Width of the image encoder (768 B, 1024 L, 1280 H).</summary>
    public required int EmbedDim { get; init; }

    /// <summary>Blocks of the image encoder (12, 24, 32).</summary>
    public required int Depth { get; init; }

    /// <summary>Heads of the image encoder (12, 16, 16).</summary>
    public required int NumHeads { get; init; }

    /// <summary>Width of the blocks' perceptron, as a multiple of the width.</summary>
    public int MlpRatio { get; init; } = 4;

    /// <summary>Side of an attention window in patches.</summary>
    public int WindowSize { get; init; } = 14;

    /// <summary>Blocks that attend over the whole grid.</summary>
    public required IReadOnlyList<int> GlobalAttnIndexes { get; init; }

    /// <summary>Width of the image embedding, the prompts and the mask decoder.</summary>
    public int OutChans { get; init; } = 256;

    /// <summary>Layers of the two-way transformer.</summary>
    public int DecoderDepth { get; init; } = 2;

    /// <summary>Heads of the two-way transformer.</summary>
    public int DecoderHeads { get; init; } = 8;

    /// <summary>Width of the two-way transformer's perceptron.</summary>
    public int DecoderMlpDim { get; init; } = 2048;

    /// <summary>Mask tokens: one single mask and three of a multi-mask answer.</summary>
    public int MaskTokens { get; init; } = 4;

    /// <summary>Patches along a side.</summary>
    [JsonIgnore]
    public int Grid => ImageSize / PatchSize;

    /// <summary>Side of low-resolution masks.</summary>
    [JsonIgnore]
    public int MaskSize => 4 * Grid;

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public SamConfig Validate()
    {
        Config.AtLeast("sam image_size", ImageSize, 1);
        Config.AtLeast("sam patch_size", PatchSize, 1);
        Config.AtLeast("sam embed_dim", EmbedDim, 1);
        Config.Layers("sam depth", Depth);
        Config.AtLeast("sam num_heads", NumHeads, 1);
        Config.AtLeast("sam mlp_ratio", MlpRatio, 1);
        Config.Grid("sam window_size", WindowSize);
        Config.Layers("sam decoder_depth", DecoderDepth);
        Config.AtLeast("sam decoder_heads", DecoderHeads, 1);
        Config.AtLeast("sam decoder_mlp_dim", DecoderMlpDim, 1);
        Config.Between("sam mask_tokens", MaskTokens, 1, 64);
        Config.Divides("sam patch_size", PatchSize, "sam image_size", ImageSize);
        Config.Grid("sam image_size / patch_size", Grid);
        Config.Divides("sam num_heads", NumHeads, "sam embed_dim", EmbedDim);

        // Upscaling divides the channels by 8; cross-attention halves them before it divides them among the heads.
        Config.Divides("8", 8, "sam out_chans", OutChans);
        Config.Divides("2 * decoder_heads", 2 * DecoderHeads, "sam out_chans", OutChans);
        return this;
    }
}
