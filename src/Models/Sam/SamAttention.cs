using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Sam;

/// <summary>
/// Self-attention over a square grid with decomposed relative positions (MViTv2): to the score of query (r, c) and key
/// (r', c')
/// is added <c>q . rel_pos_h[r - r' + side - 1] + q . rel_pos_w[c - c' + side - 1]</c>, with the unscaled q. Weights:
/// <c>qkv [3C, C], proj, rel_pos_h, rel_pos_w [2 side - 1, headSize]</c>.
/// </summary>
public sealed class SamAttention
{
    private readonly int _heads;
    private readonly int _side;
    private readonly Dense _qkv;
    private readonly Dense _projection;
    private readonly Weight _relativeRows;
    private readonly Weight _relativeColumns;
    private readonly int[] _offsets;

    /// <summary>Attention over grids of <paramref name="side"/> x <paramref name="side"/>.</summary>
    public SamAttention(WeightScope weights, int width, int heads, int side)
    {
        Heads.Check("SAM attention", width, heads);
        (_heads, _side) = (heads, side);
        _qkv = new Dense(weights["qkv"], width, 3 * width, init: WeightInit.Normal(0.02f));
        _projection = new Dense(weights["proj"], width, width, init: WeightInit.Normal(0.02f));
        var tableShape = new Shape((2 * side) - 1, width / heads);
        _relativeRows = weights.Get("rel_pos_h", tableShape, WeightInit.Zeros);
        _relativeColumns = weights.Get("rel_pos_w", tableShape, WeightInit.Zeros);
        _offsets = new int[side * side];
        for (int i = 0; i < _offsets.Length; i++)
        {
            _offsets[i] = (i / side) - (i % side) + side - 1;
        }
    }

    /// <summary>Shapes: x [batch, side, side, channels], result the same.</summary>
    public Tensor Forward(IBackend backend, Tensor x)
    {
        using var scope = new TensorScope();
        (int batch, int width) = (x.Size(0), x.Size(3));
        int tokens = _side * _side;
        Tensor qkv = _qkv.Forward(backend, backend.Reshape(x, new Shape(batch, tokens, width)));
        Tensor q = Heads.Split(backend, backend.Slice(qkv, 2, 0, width), _heads);
        Tensor k = Heads.Split(backend, backend.Slice(qkv, 2, width, width), _heads);
        Tensor v = Heads.Split(backend, backend.Slice(qkv, 2, 2 * width, width), _heads);
        AttentionMask mask = AttentionMask.Full with
        {
            BiasRows = Bias(backend, q, _relativeRows, alongRows: true),
            BiasColumns = Bias(backend, q, _relativeColumns, alongRows: false),
        };
        Tensor mixed = backend.Attention(q, k, v, mask, Heads.Scale(width / _heads));
        Tensor y = _projection.Forward(backend, Heads.Join(backend, mixed));
        return scope.Keep(backend.Reshape(y, x.Shape));
    }

    // q [B, S*S, heads, d] with table rows [S, S, d] -> [B, heads, S*S, S]
    private Tensor Bias(IBackend backend, Tensor q, Weight table, bool alongRows)
    {
        (int batch, int size) = (q.Size(0), q.Size(3));
        Tensor keys = backend.Reshape(backend.Gather(backend.Use(table), _offsets), new Shape(_side, _side, size));
        Tensor grid = backend.Reshape(q, new Shape(batch, _side, _side, _heads, size));

        // The query's own row (or column) comes first, so that one matrix product a row meets that row's table.
        grid = alongRows
            ? backend.Permute(grid, 1, 0, 3, 2, 4)  // [r, B, heads, c, d]
            : backend.Permute(grid, 2, 0, 3, 1, 4); // [c, B, heads, r, d]
        grid = backend.Reshape(grid, new Shape(_side, batch * _heads * _side, size));
        Tensor bias = backend.MatMul(grid, keys, transposeB: true); // [r, B*heads*c, keys]
        bias = backend.Reshape(bias, new Shape(_side, batch, _heads, _side, _side));
        bias = alongRows
            ? backend.Permute(bias, 1, 2, 0, 3, 4)  // [B, heads, r, c, keys]
            : backend.Permute(bias, 1, 2, 3, 0, 4);
        return backend.Reshape(bias, new Shape(batch, _heads, _side * _side, _side));
    }
}
