using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Plum;

/// <summary>
/// PLUM's span tagger: one bidirectional post-norm encoder layer over the language model's hidden states, then
/// <c>Linear(ReLU(Linear(h)))</c> to the three labels outside, begin, inside. Weights:
/// <c>bio_encoder.encoder.layers.0.*</c>,
/// <c>model.token_to_mask_fcs.0.{0,2}</c>.
/// </summary>
public sealed class SpanTagger
{
    private readonly int _heads;
    private readonly Weight _inWeight;
    private readonly Weight _inBias;
    private readonly Dense _output;
    private readonly Dense _linear1;
    private readonly Dense _linear2;
    private readonly LayerNorm _norm1;
    private readonly LayerNorm _norm2;
    private readonly Mlp _labels;

    /// <summary>A tagger; <paramref name="root"/> is the checkpoint's root, since its weights lie at two
    /// places.</summary>
    public SpanTagger(WeightScope root, int hiddenSize, int heads, int feedForward)
    {
        Heads.Check("Span tagger", hiddenSize, heads);
        _heads = heads;
        WeightScope layer = root["bio_encoder"]["encoder"]["layers"][0];
        WeightScope attention = layer["self_attn"];
        _inWeight = attention.Get("in_proj_weight", new Shape(3 * hiddenSize, hiddenSize),
            WeightInit.FanIn(hiddenSize) with { Use = WeightUse.Matrix });
        _inBias = attention.Get("in_proj_bias", new Shape(3 * hiddenSize), WeightInit.Zeros);
        _output = new Dense(attention["out_proj"], hiddenSize, hiddenSize);
        _linear1 = new Dense(layer["linear1"], hiddenSize, feedForward);
        _linear2 = new Dense(layer["linear2"], feedForward, hiddenSize);
        _norm1 = new LayerNorm(layer["norm1"], hiddenSize);
        _norm2 = new LayerNorm(layer["norm2"], hiddenSize);
        _labels = new Mlp(root["model"]["token_to_mask_fcs"][0], [hiddenSize, hiddenSize, LabelCount], nameStep: 2);
    }

    /// <summary>Outside, begin, inside.</summary>
    public const int LabelCount = 3;

    /// <summary>
    /// Scores of the labels. Shapes: hidden [batch, tokens, hidden] (after the final norm), keyValid [batch, tokens] or
    /// null, result [batch, tokens, 3].
    /// </summary>
    public Tensor Forward(IBackend backend, Tensor hidden, Tensor? keyValid = null)
    {
        using var scope = new TensorScope();
        int width = hidden.Size(2);
        Tensor qkv = backend.Linear(hidden, _inWeight, _inBias);
        Tensor mixed = backend.Attention(
            Heads.Split(backend, backend.Slice(qkv, 2, 0, width), _heads),
            Heads.Split(backend, backend.Slice(qkv, 2, width, width), _heads),
            Heads.Split(backend, backend.Slice(qkv, 2, 2 * width, width), _heads),
            AttentionMask.Full with { KeyValid = keyValid },
            Heads.Scale(width / _heads));
        mixed = _output.Forward(backend, Heads.Join(backend, mixed));
        Tensor x = _norm1.Forward(backend, backend.Add(hidden, mixed));
        Tensor inner = backend.Unary(_linear1.Forward(backend, x), UnaryOp.Relu);
        x = _norm2.Forward(backend, backend.Add(x, _linear2.Forward(backend, inner)));
        return scope.Keep(_labels.Forward(backend, x));
    }
}
