using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Sam;

/// <summary>
/// The mask decoder's transformer: tokens look at themselves and at the picture, the picture looks back at the tokens;
/// at the end
/// tokens look at the picture once more. Weights: <c>layers.{i}, final_attn_token_to_image, norm_final_attn</c>.
/// </summary>
public sealed class TwoWayTransformer
{
    private readonly TwoWayLayer[] _layers;
    private readonly TwoWayAttention _finalAttention;
    private readonly LayerNorm _finalNorm;

    /// <summary>A transformer of these sizes.</summary>
    public TwoWayTransformer(WeightScope weights, int depth, int width, int heads, int mlpDim)
    {
        _layers = new TwoWayLayer[depth];
        for (int i = 0; i < depth; i++)
        {
            _layers[i] = new TwoWayLayer(weights["layers"][i], width, heads, mlpDim, isFirst: i == 0);
        }

        _finalAttention = new TwoWayAttention(weights["final_attn_token_to_image"], width, width / 2, heads);
        _finalNorm = new LayerNorm(weights["norm_final_attn"], width);
    }

    /// <summary>
    /// Tokens and picture after all layers. Shapes: tokens [batch, tokens, width], picture [batch, cells, width],
    /// positions [1, cells, width] (of the cells; the tokens are their own positions), results as the first two.
    /// </summary>
    public (Tensor Tokens, Tensor Picture) Forward(IBackend backend, Tensor tokens, Tensor picture, Tensor positions)
    {
        using var scope = new TensorScope();
        Tensor tokenPositions = tokens;
        foreach (TwoWayLayer layer in _layers)
        {
            (tokens, picture) = layer.Forward(backend, tokens, picture, tokenPositions, positions);
        }

        Tensor q = backend.Add(tokens, tokenPositions);
        Tensor k = backend.Add(picture, positions);
        tokens = backend.Add(tokens, _finalAttention.Forward(backend, q, k, picture));
        return (scope.Keep(_finalNorm.Forward(backend, tokens)), scope.Keep(picture));
    }
}

/// <summary>One layer of <see cref="TwoWayTransformer"/>; the first has no positions and no residual at its
/// self-attention.</summary>
internal sealed class TwoWayLayer
{
    private readonly bool _isFirst;
    private readonly TwoWayAttention _self;
    private readonly TwoWayAttention _tokenToPicture;
    private readonly TwoWayAttention _pictureToToken;
    private readonly LayerNorm[] _norms;
    private readonly Dense _mlp1;
    private readonly Dense _mlp2;

    public TwoWayLayer(WeightScope weights, int width, int heads, int mlpDim, bool isFirst)
    {
        _isFirst = isFirst;
        _self = new TwoWayAttention(weights["self_attn"], width, width, heads);
        _tokenToPicture = new TwoWayAttention(weights["cross_attn_token_to_image"], width, width / 2, heads);
        _pictureToToken = new TwoWayAttention(weights["cross_attn_image_to_token"], width, width / 2, heads);
        _mlp1 = new Dense(weights["mlp"]["lin1"], width, mlpDim);
        _mlp2 = new Dense(weights["mlp"]["lin2"], mlpDim, width);
        _norms = [.. Enumerable.Range(1, 4).Select(i => new LayerNorm(weights[$"norm{i}"], width))];
    }

    public (Tensor Tokens, Tensor Picture) Forward(IBackend backend, Tensor tokens, Tensor picture,
        Tensor tokenPositions, Tensor positions)
    {
        using var scope = new TensorScope();
        if (_isFirst)
        {
            tokens = _self.Forward(backend, tokens, tokens, tokens);
        }
        else
        {
            Tensor placed = backend.Add(tokens, tokenPositions);
            tokens = backend.Add(tokens, _self.Forward(backend, placed, placed, tokens));
        }

        tokens = _norms[0].Forward(backend, tokens);
        Tensor q = backend.Add(tokens, tokenPositions);
        Tensor k = backend.Add(picture, positions);
        tokens = backend.Add(tokens, _tokenToPicture.Forward(backend, q, k, picture));
        tokens = _norms[1].Forward(backend, tokens);

        Tensor inner = backend.Unary(_mlp1.Forward(backend, tokens), UnaryOp.Relu);
        tokens = backend.Add(tokens, _mlp2.Forward(backend, inner));
        tokens = _norms[2].Forward(backend, tokens);

        q = backend.Add(tokens, tokenPositions);
        picture = backend.Add(picture, _pictureToToken.Forward(backend, k, q, tokens));
        return (scope.Keep(tokens), scope.Keep(_norms[3].Forward(backend, picture)));
    }
}

/// <summary>
/// Attention in a width of its own: q, k and v are projected to it and the result back. Weights:
/// <c>{q,k,v}_proj [inner, width], out_proj [width, inner]</c>.
/// </summary>
internal sealed class TwoWayAttention
{
    private readonly int _heads;
    private readonly Dense _query;
    private readonly Dense _key;
    private readonly Dense _value;
    private readonly Dense _output;

    public TwoWayAttention(WeightScope weights, int width, int inner, int heads)
    {
        Heads.Check("Two-way attention", inner, heads);
        _heads = heads;
        _query = new Dense(weights["q_proj"], width, inner);
        _key = new Dense(weights["k_proj"], width, inner);
        _value = new Dense(weights["v_proj"], width, inner);
        _output = new Dense(weights["out_proj"], inner, width);
    }

    // Shapes: q [B, queries, width], k and v [B, keys, width], result as q.
    public Tensor Forward(IBackend backend, Tensor q, Tensor k, Tensor v)
    {
        Tensor mixed = backend.Attention(
            Heads.Split(backend, _query.Forward(backend, q), _heads),
            Heads.Split(backend, _key.Forward(backend, k), _heads),
            Heads.Split(backend, _value.Forward(backend, v), _heads),
            AttentionMask.Full,
            Heads.Scale(_query.Outputs / _heads));
        return _output.Forward(backend, Heads.Join(backend, mixed));
    }
}
