using System.Text.Json.Serialization;
using PixSearch.Tensors;

namespace PixSearch.Models.Vision;

/// <summary>Sizes of CLIP's vision transformer (Radford et al. 2021), under Hugging Face's names.</summary>
public sealed record ClipVisionConfig
{
    /// <summary>Side of the input picture in pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Width of hidden states.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Encoder layers.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Attention heads.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Width of the perceptron; 0 = 4 times the hidden size.</summary>
    public int IntermediateSize { get; init; }

    /// <summary><c>quick_gelu</c> (OpenAI) or <c>gelu</c> (OpenCLIP).</summary>
    public string HiddenAct { get; init; } = "quick_gelu";

    /// <summary>Added to variances.</summary>
    public float LayerNormEps { get; init; } = 1e-5f;

    /// <summary>Width of the perceptron.</summary>
    [JsonIgnore]
    public int MlpSize => IntermediateSize == 0 ? 4 * HiddenSize : IntermediateSize;

    /// <summary>Patches along a side.</summary>
    [JsonIgnore]
    public int Grid => ImageSize / PatchSize;

    /// <summary>The activation as an operation.</summary>
    [JsonIgnore]
    public UnaryOp Activation => HiddenAct == "quick_gelu" ? UnaryOp.QuickGelu : UnaryOp.Gelu;

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public ClipVisionConfig Validate()
    {
        Config.AtLeast("vision image_size", ImageSize, 1);
        Config.AtLeast("vision patch_size", PatchSize, 1);
        Config.AtLeast("vision hidden_size", HiddenSize, 1);
        Config.Layers("vision num_hidden_layers", NumHiddenLayers);
        Config.AtLeast("vision num_attention_heads", NumAttentionHeads, 1);
        Config.AtLeast("vision intermediate_size", MlpSize, 1);
        Config.Divides("vision patch_size", PatchSize, "vision image_size", ImageSize);
        Config.Grid("vision image_size / patch_size", Grid);
        Config.Divides("vision num_attention_heads", NumAttentionHeads, "vision hidden_size", HiddenSize);
        Config.Positive("vision layer_norm_eps", LayerNormEps);
        return HiddenAct is "quick_gelu" or "gelu"
            ? this
            : throw Config.Broken($"vision hidden_act is '{HiddenAct}'; known are quick_gelu and gelu");
    }
}
