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
    private int[] _offsets;

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

        // A matrix product for each row (or column) of the grid meets that row's part of the table; the queries of a
        // row lie together as they are, those of a column after one copy of whole tokens.
        Tensor keys = backend.Reshape(backend.Gather(backend.Use(table), OffsetsOf(batch)),
            new Shape(batch * _side, _side, size));
        Tensor grid = backend.Reshape(q, new Shape(batch, _side, _side, _heads, size));
        grid = alongRows ? grid : backend.Permute(grid, 0, 2, 1, 3, 4);
        grid = backend.Reshape(grid, new Shape(batch * _side, _side * _heads, size));
        Tensor bias = backend.MatMul(grid, keys, transposeB: true); // [B*r, c*heads, keys] or [B*c, r*heads, keys]
        bias = backend.Reshape(bias, new Shape(batch, _side, _side, _heads, _side));
        bias = alongRows ? backend.Permute(bias, 0, 3, 1, 2, 4) : backend.Permute(bias, 0, 3, 2, 1, 4);
        return backend.Reshape(bias, new Shape(batch, _heads, _side * _side, _side));
    }

    // The table's rows for each row of a grid, once for each window.
    private ReadOnlySpan<int> OffsetsOf(int batch)
    {
        int each = _side * _side;
        if (_offsets.Length < batch * each)
        {
            int[] offsets = new int[batch * each];
            for (int i = 0; i < offsets.Length; i++)
            {
                offsets[i] = _offsets[i % each];
            }

            _offsets = offsets;
        }

        return _offsets.AsSpan(0, batch * each);
    }
}
