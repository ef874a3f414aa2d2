using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Text;

/// <summary>
/// One decoder layer: <c>x += o(attend(rope(q(n1 x)), rope(k(n1 x)), v(n1 x))); x += down(silu(gate(n2 x)) * up(n2 x))</c>.
/// </summary>
public sealed class LlamaLayer
{
    private readonly int _index;
    private readonly LlamaConfig _config;
    private readonly RmsNorm _inputNorm;
    private readonly RmsNorm _mlpNorm;
    private readonly Dense _query;
    private readonly Dense _key;
    private readonly Dense _value;
    private readonly Dense _output;
    private readonly Dense _gate;
    private readonly Dense _up;
    private readonly Dense _down;

    /// <summary>Layer <paramref name="index"/> under the names <c>self_attn.*</c>, <c>mlp.*</c>.</summary>
    public LlamaLayer(WeightScope weights, int index, LlamaConfig config)
    {
        (_index, _config) = (index, config);
        int kv = config.KeyValueHeads * config.HeadSize;
        int width = config.HiddenSize;
        var init = WeightInit.Normal(0.02f);

        // GPT-2's rule: the variance of the residual stream does not grow with depth.
        var residualInit = WeightInit.Normal(0.02f / MathF.Sqrt(2f * config.NumHiddenLayers));
        WeightScope attention = weights["self_attn"];
        _inputNorm = new RmsNorm(weights["input_layernorm"], width, config.RmsNormEps);
        _query = new Dense(attention["q_proj"], width, width, config.AttentionBias, init);
        _key = new Dense(attention["k_proj"], width, kv, config.AttentionBias, init);
        _value = new Dense(attention["v_proj"], width, kv, config.AttentionBias, init);
        _output = new Dense(attention["o_proj"], width, width, false, residualInit);
        _mlpNorm = new RmsNorm(weights["post_attention_layernorm"], width, config.RmsNormEps);
        _gate = new Dense(weights["mlp"]["gate_proj"], width, config.IntermediateSize, false, init);
        _up = new Dense(weights["mlp"]["up_proj"], width, config.IntermediateSize, false, init);
        _down = new Dense(weights["mlp"]["down_proj"], config.IntermediateSize, width, false, residualInit);
    }

    /// <summary>Shapes: x [batch, tokens, hidden], result the same.</summary>
    public Tensor Forward(IBackend backend, Tensor x, AttentionContext context)
    {
        using var scope = new TensorScope();
        Tensor normed = _inputNorm.Forward(backend, x);
        (Tensor cos, Tensor sin) = context.Rotary;
        Tensor q = Heads.Split(backend, _query.Forward(backend, normed), _config.NumAttentionHeads);
        Tensor k = Heads.Split(backend, _key.Forward(backend, normed), _config.KeyValueHeads);
        Tensor v = Heads.Split(backend, _value.Forward(backend, normed), _config.KeyValueHeads);
        q = backend.Rotate(q, cos, sin);
        k = backend.Rotate(k, cos, sin);
        Tensor mixed = context.Attend(backend, _index, q, k, v, Heads.Scale(_config.HeadSize));
        x = backend.Add(x, _output.Forward(backend, Heads.Join(backend, mixed)));

        normed = _mlpNorm.Forward(backend, x);
        Tensor gated = backend.SwiGlu(_gate.Forward(backend, normed), _up.Forward(backend, normed));
        return scope.Keep(backend.Add(x, _down.Forward(backend, gated)));
    }
}
