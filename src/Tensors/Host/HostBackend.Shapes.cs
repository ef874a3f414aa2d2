namespace PixSearch.Tensors;

public abstract unsafe partial class HostBackend
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
        Span<int> sizes = stackalloc int[Shape.RankMax];
        Span<int> strides = stackalloc int[Shape.RankMax];
        for (int i = 0; i < x.Rank; i++)
        {
            sizes[i] = shape[i];
            strides[i] = StrideOf(x.Shape, order[i]);
        }

        Tensor result = Empty(shape);
        if (result.Count > 0)
        {
            PermuteCore(Pointer("Permute", x), StridedPlan.Copy(sizes[..x.Rank], strides[..x.Rank]),
                Pointer("Permute", result));
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor Concat(int axis, params ReadOnlySpan<Tensor> parts)
    {
        (int at, Shape shape) = OpRules.Concat(axis, parts);
        Tensor result = Empty(shape);
        int total = shape[at];
        int inner = StrideOf(result.Shape, at);
        int outer = OuterOf(result.Shape, at);
        int column = 0;
        foreach (Tensor part in parts)
        {
            int width = part.Shape[at] * inner;
            CopyRowsCore(Pointer("Concat", part), width, Pointer("Concat", result) + column, total * inner, outer,
                width);
            column += width;
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor Slice(Tensor x, int axis, int start, int length)
    {
        int at = OpRules.Slice(x, axis, start, length);
        Shape shape = x.Shape.With(at, length);
        int inner = StrideOf(x.Shape, at);
        if (at == 0)
        {
            return x.View(start * inner, shape);
        }

        Tensor result = Empty(shape);
        CopyRowsCore(Pointer("Slice", x) + (start * inner), x.Shape[at] * inner, Pointer("Slice", result),
            length * inner, OuterOf(x.Shape, at), length * inner);
        return result;
    }

    /// <inheritdoc/>
    public Tensor Pad(Tensor x, int axis, int before, int after)
    {
        (int at, Shape shape) = OpRules.Pad(x, axis, before, after);
        Tensor result = Zeros(shape);
        int inner = StrideOf(x.Shape, at);
        int width = x.Shape[at] * inner;
        CopyRowsCore(Pointer("Pad", x), width, Pointer("Pad", result) + (before * inner), result.Shape[at] * inner,
            OuterOf(x.Shape, at), width);
        return result;
    }

    /// <inheritdoc/>
    public Tensor Gather(Tensor table, ReadOnlySpan<int> indices) => GatherRows("Gather", table, indices);

    private Tensor GatherRows(string op, Tensor table, ReadOnlySpan<int> indices)
    {
        Tensor result = Empty(OpRules.Gather(op, table.Shape, indices));
        int width = StrideOf(table.Shape, 0);
        float* to = Pointer(op, result);
        float* from = Pointer(op, table);
        for (int i = 0; i < indices.Length; i++, to += width)
        {
            var row = new Span<float>(to, width);
            if (indices[i] < 0)
            {
                row.Clear();
            }
            else
            {
                new ReadOnlySpan<float>(from + ((long)indices[i] * width), width).CopyTo(row);
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor Embedding(Weight table, ReadOnlySpan<int> indices)
    {
        Shape shape = OpRules.Embedding(table, indices);
        if (table.Plain is { } plain)
        {
            return GatherRows("Embedding", plain, indices);
        }

        Tensor result = Empty(shape);
        WidenRowsCore(table, indices, Pointer("Embedding", result));
        return result;
    }

    /// <inheritdoc/>
    public void ScatterAdd(Tensor rows, ReadOnlySpan<int> indices, Tensor destination)
    {
        OpRules.ScatterAdd(rows, indices, destination);
        int width = StrideOf(rows.Shape, 0);
        float* from = Pointer("ScatterAdd", rows);
        float* to = Pointer("ScatterAdd", destination);
        for (int i = 0; i < indices.Length; i++)
        {
            if (indices[i] >= 0)
            {
                AddIntoCore(from + ((long)i * width), width, to + ((long)indices[i] * width));
            }
        }
    }

    /// <inheritdoc/>
    public void AddIntoSlice(Tensor destination, int axis, int start, Tensor source)
    {
        const string Op = "AddIntoSlice";
        int at = OpRules.AddIntoSlice(destination, axis, start, source);
        int inner = StrideOf(destination.Shape, at);
        int width = source.Shape[at] * inner;
        AddRowsCore(Pointer(Op, source), Pointer(Op, destination) + (start * inner), destination.Shape[at] * inner,
            OuterOf(destination.Shape, at), width);
    }

    /// <summary>y [row * yStride + i] += x [row * width + i].</summary>
    protected virtual void AddRowsCore(float* x, float* y, int yStride, int rows, int width)
    {
        for (int row = 0; row < rows; row++, x += width, y += yStride)
        {
            AddIntoCore(x, width, y);
        }
    }

    /// <summary>to [row * toStride + i] = from [row * fromStride + i].</summary>
    protected virtual void CopyRowsCore(float* from, int fromStride, float* to, int toStride, int rows, int width)
    {
        for (int row = 0; row < rows; row++, from += fromStride, to += toStride)
        {
            new ReadOnlySpan<float>(from, width).CopyTo(new Span<float>(to, width));
        }
    }

    /// <summary>Writes a strided source as a contiguous result.</summary>
    private protected abstract void PermuteCore(float* x, StridedPlan plan, float* y);

    /// <summary>Rows of a packed weight as F32; negative indices give zeros. Shape of y: [indices, width].</summary>
    protected abstract void WidenRowsCore(Weight table, ReadOnlySpan<int> indices, float* y);

    /// <summary>y += x.</summary>
    protected abstract void AddIntoCore(float* x, int count, float* y);

    private protected static int StrideOf(Shape shape, int axis)
    {
        int stride = 1;
        for (int i = axis + 1; i < shape.Rank; i++)
        {
            stride *= shape[i];
        }

        return stride;
    }

    private protected static int OuterOf(Shape shape, int axis)
    {
        int outer = 1;
        for (int i = 0; i < axis; i++)
        {
            outer *= shape[i];
        }

        return outer;
    }
}
