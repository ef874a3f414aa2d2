using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Text;

/// <summary>
/// One decoder layer: <c>x += o(attend(rope(q(n1 x)), rope(k(n1 x)), v(n1 x))); x += down(silu(gate(n2 x)) * up(n2
/// x))</c>. With
/// <see cref="LlamaConfig.VisionTwin"/> rows of a picture use a second set of all these weights; attention joins the
/// two.
/// </summary>
public sealed class LlamaLayer
{
    private readonly int _index;
    private readonly LlamaConfig _config;
    private readonly LlamaLayerWeights _text;
    private readonly LlamaLayerWeights? _picture;

    /// <summary>Layer <paramref name="index"/> under the names <c>self_attn.*</c>, <c>mlp.*</c>.</summary>
    public LlamaLayer(WeightScope weights, int index, LlamaConfig config)
    {
        (_index, _config) = (index, config);
        _text = new LlamaLayerWeights(weights, config, "");
        _picture = config.VisionTwin ? new LlamaLayerWeights(weights, config, "moe_") : null;
    }

    /// <summary>Shapes: x [batch, tokens, hidden], result the same.</summary>
    public Tensor Forward(IBackend backend, Tensor x, AttentionContext context)
    {
        using var scope = new TensorScope();
        if (_picture is not null && context.PictureRows.Count > 0)
        {
            return scope.Keep(ForwardMixed(backend, x, context, _picture));
        }

        Tensor mixed = Attend(backend, context, _text.Project(backend, x));
        return scope.Keep(_text.Finish(backend, x, mixed));
    }

    private Tensor ForwardMixed(IBackend backend, Tensor x, AttentionContext context, LlamaLayerWeights picture)
    {
        var rows = new RowSplit(x.Size(0) * x.Size(1), context.PictureRows);
        (Tensor text, Tensor shown) = rows.Divide(backend, x);
        LlamaProjections ofText = _text.Project(backend, text);
        LlamaProjections ofPicture = picture.Project(backend, shown);
        (int batch, int tokens) = (x.Size(0), x.Size(1));
        Tensor mixed = Attend(backend, context, new LlamaProjections(
            rows.Join(backend, ofText.Q, ofPicture.Q, batch, tokens),
            rows.Join(backend, ofText.K, ofPicture.K, batch, tokens),
            rows.Join(backend, ofText.V, ofPicture.V, batch, tokens)));
        (Tensor mixedText, Tensor mixedShown) = rows.Divide(backend, mixed);
        return rows.Join(backend, _text.Finish(backend, text, mixedText), picture.Finish(backend, shown, mixedShown),
            batch,
            tokens);
    }

    // [batch, tokens, width of q] of projections
    private Tensor Attend(IBackend backend, AttentionContext context, LlamaProjections projected)
    {
        (Tensor cos, Tensor sin) = context.Rotary;
        Tensor q = backend.Rotate(Heads.Split(backend, projected.Q, _config.NumAttentionHeads), cos, sin);
        Tensor k = backend.Rotate(Heads.Split(backend, projected.K, _config.KeyValueHeads), cos, sin);
        Tensor v = Heads.Split(backend, projected.V, _config.KeyValueHeads);
        return Heads.Join(backend, context.Attend(backend, _index, q, k, v, Heads.Scale(_config.HeadSize)));
    }
}

/// <summary>q, k and v of some rows. Shapes: [batch, tokens, heads * size].</summary>
internal readonly record struct LlamaProjections(Tensor Q, Tensor K, Tensor V);

/// <summary>The weights of a layer for one kind of rows; the prefix is <c>moe_</c> for EVEv2's pictures.</summary>
internal sealed class LlamaLayerWeights
{
    private readonly RmsNorm _inputNorm;
    private readonly RmsNorm _mlpNorm;
    private readonly Dense _query;
    private readonly Dense _key;
    private readonly Dense _value;
    private readonly Dense _output;
    private readonly Dense _gate;
    private readonly Dense _up;
    private readonly Dense _down;

    public LlamaLayerWeights(WeightScope weights, LlamaConfig config, string prefix)
    {
        int kv = config.KeyValueHeads * config.HeadSize;
        int width = config.HiddenSize;
        var init = WeightInit.Normal(0.02f);

        // GPT-2's rule: the variance of the residual stream does not grow with depth.
        var residualInit = WeightInit.Normal(0.02f / MathF.Sqrt(2f * config.NumHiddenLayers));
        WeightScope attention = weights["self_attn"];
        WeightScope mlp = weights[$"{prefix}mlp"];
        _inputNorm = new RmsNorm(weights[$"{prefix}input_layernorm"], width, config.RmsNormEps);
        _query = new Dense(attention[$"{prefix}q_proj"], width, width, config.AttentionBias, init);
        _key = new Dense(attention[$"{prefix}k_proj"], width, kv, config.AttentionBias, init);
        _value = new Dense(attention[$"{prefix}v_proj"], width, kv, config.AttentionBias, init);
        _output = new Dense(attention[$"{prefix}o_proj"], width, width, false, residualInit);
        _mlpNorm = new RmsNorm(weights[$"{prefix}post_attention_layernorm"], width, config.RmsNormEps);
        _gate = new Dense(mlp["gate_proj"], width, config.IntermediateSize, false, init);
        _up = new Dense(mlp["up_proj"], width, config.IntermediateSize, false, init);
        _down = new Dense(mlp["down_proj"], config.IntermediateSize, width, false, residualInit);
    }

    public LlamaProjections Project(IBackend backend, Tensor x)
    {
        Tensor normed = _inputNorm.Forward(backend, x);
        return new LlamaProjections(_query.Forward(backend, normed), _key.Forward(backend, normed),
            _value.Forward(backend, normed));
    }

    /// <summary>What follows attention: output projection, perceptron, both residuals.</summary>
    public Tensor Finish(IBackend backend, Tensor x, Tensor mixed)
    {
        x = backend.Add(x, _output.Forward(backend, mixed));
        Tensor normed = _mlpNorm.Forward(backend, x);
        Tensor gated = backend.SwiGlu(_gate.Forward(backend, normed), _up.Forward(backend, normed));
        return backend.Add(x, _down.Forward(backend, gated));
    }
}
