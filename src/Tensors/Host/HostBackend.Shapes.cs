namespace PixSearch.Tensors;

public abstract unsafe partial class HostBackend
{
    /// <inheritdoc/>
    public Tensor Reshape(Tensor x, Shape shape)
    {
        if (x.Count != shape.Count)
        {
            Misuse("Reshape", "the number of elements must stay the same", ("x", x.Shape), ("shape", shape));
        }

        return x.View(0, shape);
    }

    /// <inheritdoc/>
    public Tensor Permute(Tensor x, params ReadOnlySpan<int> axes)
    {
        if (axes.Length != x.Rank)
        {
            Misuse("Permute", $"{axes.Length} axes were given, one for each dimension is needed", ("x", x.Shape));
        }

        Span<int> sizes = stackalloc int[Shape.RankMax];
        Span<int> strides = stackalloc int[Shape.RankMax];
        int seen = 0;
        for (int i = 0; i < axes.Length; i++)
        {
            int axis = Axis("Permute", x, axes[i]);
            if ((seen & (1 << axis)) != 0)
            {
                Misuse("Permute", $"axis {axis} was given twice", ("x", x.Shape));
            }

            seen |= 1 << axis;
            sizes[i] = x.Shape[axis];
            strides[i] = StrideOf(x.Shape, axis);
        }

        Tensor result = Empty(new Shape(sizes[..x.Rank]));
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
        if (parts.Length == 0)
        {
            throw new ArgumentException("Concat: at least one part is needed.");
        }

        int at = Axis("Concat", parts[0], axis);
        int total = 0;
        foreach (Tensor part in parts)
        {
            if (part.Rank != parts[0].Rank || part.Shape.With(at, 0) != parts[0].Shape.With(at, 0))
            {
                Misuse("Concat", $"parts must agree in all sizes but axis {at}", ("first", parts[0].Shape),
                    ("other", part.Shape));
            }

            total = checked(total + part.Shape[at]);
        }

        Tensor result = Empty(parts[0].Shape.With(at, total));
        int inner = StrideOf(result.Shape, at);
        int outer = OuterOf(result.Shape, at);
        int column = 0;
        foreach (Tensor part in parts)
        {
            int width = part.Shape[at] * inner;
            CopyRows(Pointer("Concat", part), width, Pointer("Concat", result) + column, total * inner, outer, width);
            column += width;
        }

        return result;
    }

    /// <inheritdoc/>
    public Tensor Slice(Tensor x, int axis, int start, int length)
    {
        int at = Axis("Slice", x, axis);
        if (start < 0 || length < 0 || start > x.Shape[at] - length)
        {
            Misuse("Slice", $"range [{start}, {start + (long)length}) leaves axis {at}", ("x", x.Shape));
        }

        Shape shape = x.Shape.With(at, length);
        int inner = StrideOf(x.Shape, at);
        if (at == 0)
        {
            return x.View(start * inner, shape);
        }

        Tensor result = Empty(shape);
        CopyRows(Pointer("Slice", x) + (start * inner), x.Shape[at] * inner, Pointer("Slice", result), length * inner,
            OuterOf(x.Shape, at), length * inner);
        return result;
    }

    /// <inheritdoc/>
    public Tensor Pad(Tensor x, int axis, int before, int after)
    {
        int at = Axis("Pad", x, axis);
        if (before < 0 || after < 0)
        {
            Misuse("Pad", $"padding {before}, {after} must not be negative", ("x", x.Shape));
        }

        Tensor result = Zeros(x.Shape.With(at, checked(x.Shape[at] + before + after)));
        int inner = StrideOf(x.Shape, at);
        int width = x.Shape[at] * inner;
        CopyRows(Pointer("Pad", x), width, Pointer("Pad", result) + (before * inner), result.Shape[at] * inner,
            OuterOf(x.Shape, at), width);
        return result;
    }

    /// <inheritdoc/>
    public Tensor Gather(Tensor table, ReadOnlySpan<int> indices) => GatherRows("Gather", table, indices);

    private Tensor GatherRows(string op, Tensor table, ReadOnlySpan<int> indices)
    {
        if (table.Rank == 0)
        {
            Misuse(op, "the table needs rows", ("table", table.Shape));
        }

        int width = StrideOf(table.Shape, 0);
        Tensor result = Empty(table.Shape.With(0, indices.Length));
        float* to = Pointer(op, result);
        float* from = Pointer(op, table);
        for (int i = 0; i < indices.Length; i++, to += width)
        {
            CheckIndex(op, indices[i], table.Shape);
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
        if (table.Shape.Rank != 2)
        {
            Misuse("Embedding", "the table must be [rows, width]", ("table", table.Shape));
        }

        if (table.Plain is { } plain)
        {
            return GatherRows("Embedding", plain, indices);
        }

        foreach (int index in indices)
        {
            CheckIndex("Embedding", index, table.Shape);
        }

        Tensor result = Empty(new Shape(indices.Length, table.Shape[1]));
        WidenRowsCore(table, indices, Pointer("Embedding", result));
        return result;
    }

    /// <inheritdoc/>
    public void ScatterAdd(Tensor rows, ReadOnlySpan<int> indices, Tensor destination)
    {
        if (rows.Rank == 0 || destination.Rank == 0 || rows.Shape[0] != indices.Length
            || rows.Shape.With(0, 0) != destination.Shape.With(0, 0))
        {
            Misuse("ScatterAdd", $"rows must be [{indices.Length} indices, ...] with the destination's row shape",
                ("rows", rows.Shape), ("destination", destination.Shape));
        }

        RequireApart("ScatterAdd", rows, destination);
        int width = StrideOf(rows.Shape, 0);
        float* from = Pointer("ScatterAdd", rows);
        float* to = Pointer("ScatterAdd", destination);
        for (int i = 0; i < indices.Length; i++)
        {
            CheckIndex("ScatterAdd", indices[i], destination.Shape);
            if (indices[i] >= 0)
            {
                AddIntoCore(from + ((long)i * width), width, to + ((long)indices[i] * width));
            }
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

    private static void CopyRows(float* from, int fromStride, float* to, int toStride, int rows, int width)
    {
        for (int i = 0; i < rows; i++)
        {
            new ReadOnlySpan<float>(from + ((long)i * fromStride), width)
                .CopyTo(new Span<float>(to + ((long)i * toStride), width));
        }
    }

    private static void CheckIndex(string op, int index, Shape table)
    {
        if (index >= table[0])
        {
            Misuse(op, $"index {index} is outside the table's rows", ("table", table));
        }
    }
}
