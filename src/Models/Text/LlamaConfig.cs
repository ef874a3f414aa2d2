namespace PixSearch.Models.Text;

/// <summary>
/// Sizes of a LLaMA-type decoder (Touvron et al. 2023), under the names of Hugging Face's <c>config.json</c>. Qwen2 is
/// the same with biases on q, k and v.
/// </summary>
public sealed record LlamaConfig
{
    /// <summary>Width of hidden states.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Decoder layers.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Query heads.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Key/value heads; 0 = as many as query heads.</summary>
    public int NumKeyValueHeads { get; init; }

    /// <summary>Width of the SwiGLU layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of token ids.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Base of the rotary frequencies.</summary>
    public float RopeTheta { get; init; } = 10_000;

    /// <summary>Added inside the root of RMSNorm.</summary>
    public float RmsNormEps { get; init; } = 1e-5f;

    /// <summary>The output layer is the embedding table.</summary>
    public bool TieWordEmbeddings { get; init; }

    /// <summary>Longest sequence.</summary>
    public int MaxPositionEmbeddings { get; init; } = 2048;

    /// <summary>Biases on q, k and v (Qwen2).</summary>
    public bool AttentionBias { get; init; }

    /// <summary>Each layer has weights of its own for rows of a picture (EVEv2's <c>moe_*</c>).</summary>
    public bool VisionTwin { get; init; }

    /// <summary>Key/value heads.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public int KeyValueHeads => NumKeyValueHeads == 0 ? NumAttentionHeads : NumKeyValueHeads;

    /// <summary>Elements of a head.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public int HeadSize => HiddenSize / NumAttentionHeads;

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public LlamaConfig Validate()
    {
        Config.AtLeast("hidden_size", HiddenSize, 2);
        Config.Layers("num_hidden_layers", NumHiddenLayers);
        Config.AtLeast("num_attention_heads", NumAttentionHeads, 1);
        Config.AtLeast("intermediate_size", IntermediateSize, 1);
        Config.AtLeast("vocab_size", VocabSize, 1);
        Config.AtLeast("max_position_embeddings", MaxPositionEmbeddings, 1);
        Config.AtLeast("num_key_value_heads", KeyValueHeads, 1);
        Config.Divides("num_attention_heads", NumAttentionHeads, "hidden_size", HiddenSize);
        Config.Divides("num_key_value_heads", KeyValueHeads, "num_attention_heads", NumAttentionHeads);
        Config.Divides("2", 2, "head size (hidden_size / num_attention_heads)", HeadSize);
        Config.Positive("rope_theta", RopeTheta);
        Config.Positive("rms_norm_eps", RmsNormEps);
        return this;
    }
}
