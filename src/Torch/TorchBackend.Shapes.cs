using PixSearch.Tensors;

namespace PixSearch.Torch;

public sealed partial class TorchBackend
{
    /// <inheritdoc/>
    public Tensor Reshape(Tensor x, Shape shape)
    {
        OpRules.Reshape(x, shape);
        return x.View(0, shape);
    }

    /// <inheritdoc/>
    public Tensor Permute(Tensor x, params ReadOnlySpan<int> axes)
    {
        Span<int> order = stackalloc int[Shape.RankMax];
        Shape shape = OpRules.Permute(x, axes, order);
        long[] wide = new long[x.Rank];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = order[i];
        }

        return Run("Permute", shape, () => New(shape).copy_(Of("Permute", x).permute(wide)));
    }

    /// <inheritdoc/>
    public Tensor Concat(int axis, params ReadOnlySpan<Tensor> parts)
    {
        (int at, Shape shape) = OpRules.Concat(axis, parts);
        Tensor[] list = parts.ToArray();
        return Run("Concat", shape, () => list.Length == 1
            ? Of("Concat", list[0]).clone() // TorchSharp hands a single part out again.
            : torch.cat([.. list.Select(part => Of("Concat", part))], at));
    }

    /// <inheritdoc/>
    public Tensor Slice(Tensor x, int axis, int start, int length)
    {
        int at = OpRules.Slice(x, axis, start, length);
        Shape shape = x.Shape.With(at, length);
        return at == 0
            ? x.View(x.Shape[0] == 0 ? 0 : start * (x.Count / x.Shape[0]), shape)
            : Run("Slice", shape, () => New(shape).copy_(Of("Slice", x).narrow(at, start, length)));
    }

    /// <inheritdoc/>
    public Tensor Pad(Tensor x, int axis, int before, int after)
    {
        (int at, Shape shape) = OpRules.Pad(x, axis, before, after);
        return Run("Pad", shape, () =>
        {
            TorchTensor y = New(shape).zero_();
            y.narrow(at, before, x.Shape[at]).copy_(Of("Pad", x));
            return y;
        });
    }

    /// <inheritdoc/>
    public Tensor Gather(Tensor table, ReadOnlySpan<int> indices)
    {
        Shape shape = OpRules.Gather("Gather", table.Shape, indices);
        int[] rows = indices.ToArray();
        return Run("Gather", shape, () => RowsOf(Of("Gather", table), rows));
    }

    /// <inheritdoc/>
    public Tensor Embedding(Weight table, ReadOnlySpan<int> indices)
    {
        Shape shape = OpRules.Embedding(table, indices);
        int[] rows = indices.ToArray();
        return Run("Embedding", shape, () =>
            RowsOf(table.Plain is { } plain ? Of("Embedding", plain) : PackedOf(table), rows).to(ScalarType.Float32));
    }

    /// <inheritdoc/>
    public void ScatterAdd(Tensor rows, ReadOnlySpan<int> indices, Tensor destination)
    {
        OpRules.ScatterAdd(rows, indices, destination);
        var from = new List<long>();
        var to = new List<long>();
        for (int i = 0; i < indices.Length; i++)
        {
            if (indices[i] >= 0)
            {
                from.Add(i);
                to.Add(indices[i]);
            }
        }

        Do("ScatterAdd", () => Of("ScatterAdd", destination).index_add_(0, Indices(to.ToArray()),
            Of("ScatterAdd", rows).index_select(0, Indices(from.ToArray())), 1));
    }

    // Rows of a table; negative indices give zeros.
    private TorchTensor RowsOf(TorchTensor table, int[] indices)
    {
        bool holes = Array.Exists(indices, index => index < 0);
        if (!holes)
        {
            return table.index_select(0, Indices(indices));
        }

        if (table.shape[0] == 0)
        {
            table = torch.zeros([1, .. table.shape[1..]], table.dtype, _device);
        }

        TorchTensor rows = table.index_select(0, Indices(Array.ConvertAll(indices, index => Math.Max(index, 0))));
        long[] empty = [.. Enumerable.Range(0, indices.Length).Where(i => indices[i] < 0).Select(i => (long)i)];
        return rows.index_fill_(0, Indices(empty), 0);
    }
}
