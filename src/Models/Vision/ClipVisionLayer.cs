using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Vision;

/// <summary>A pre-norm encoder layer: <c>x += out(attend(n1 x)); x += fc2(act(fc1(n2 x)))</c>.</summary>
public sealed class ClipVisionLayer
{
    private readonly ClipVisionConfig _config;
    private readonly LayerNorm _norm1;
    private readonly LayerNorm _norm2;
    private readonly Dense _query;
    private readonly Dense _key;
    private readonly Dense _value;
    private readonly Dense _output;
    private readonly Dense _mlp1;
    private readonly Dense _mlp2;

    /// <summary>A layer under the names <c>layer_norm1, self_attn, layer_norm2, mlp</c>.</summary>
    public ClipVisionLayer(WeightScope weights, ClipVisionConfig config)
    {
        _config = config;
        int width = config.HiddenSize;
        var init = WeightInit.Normal(0.02f);
        var residualInit = WeightInit.Normal(0.02f / MathF.Sqrt(2f * config.NumHiddenLayers));
        WeightScope attention = weights["self_attn"];
        _norm1 = new LayerNorm(weights["layer_norm1"], width, config.LayerNormEps);
        _query = new Dense(attention["q_proj"], width, width, init: init);
        _key = new Dense(attention["k_proj"], width, width, init: init);
        _value = new Dense(attention["v_proj"], width, width, init: init);
        _output = new Dense(attention["out_proj"], width, width, init: residualInit);
        _norm2 = new LayerNorm(weights["layer_norm2"], width, config.LayerNormEps);
        _mlp1 = new Dense(weights["mlp"]["fc1"], width, config.MlpSize, init: init);
        _mlp2 = new Dense(weights["mlp"]["fc2"], config.MlpSize, width, init: residualInit);
    }

    /// <summary>Shapes: x [batch, tokens, hidden], result the same.</summary>
    public Tensor Forward(IBackend backend, Tensor x, AttentionMask mask)
    {
        using var scope = new TensorScope();
        int heads = _config.NumAttentionHeads;
        Tensor normed = _norm1.Forward(backend, x);
        Tensor mixed = backend.Attention(
            Heads.Split(backend, _query.Forward(backend, normed), heads),
            Heads.Split(backend, _key.Forward(backend, normed), heads),
            Heads.Split(backend, _value.Forward(backend, normed), heads),
            mask,
            Heads.Scale(_config.HiddenSize / heads));
        x = backend.Add(x, _output.Forward(backend, Heads.Join(backend, mixed)));

        Tensor inner = _mlp1.Forward(backend, _norm2.Forward(backend, x));
        inner = backend.Unary(inner, _config.Activation);
        return scope.Keep(backend.Add(x, _mlp2.Forward(backend, inner)));
    }
}
