namespace PixSearch.Tensors;

public static partial class OpRules
{
    /// <summary>Rule of <see cref="IBackend.From"/>.</summary>
    public static void From(int elements, Shape shape)
    {
        if (elements != shape.Count)
        {
            Misuse("From", $"{elements} elements do not fill the shape", ("shape", shape));
        }
    }

    /// <summary>Rule of <see cref="IBackend.Read"/>.</summary>
    public static void Read(Tensor source, int destination)
    {
        if (destination < source.Count)
        {
            Misuse("Read", $"a destination of {destination} elements is too small", ("source", source.Shape));
        }
    }

    /// <summary>Rule of <see cref="IBackend.Reshape"/>.</summary>
    public static void Reshape(Tensor x, Shape shape)
    {
        if (x.Count != shape.Count)
        {
            Misuse("Reshape", "the number of elements must stay the same", ("x", x.Shape), ("shape", shape));
        }
    }

    /// <summary>Rule of <see cref="IBackend.Permute"/>: writes the axes from 0, returns the result's shape.</summary>
    public static Shape Permute(Tensor x, ReadOnlySpan<int> axes, Span<int> order)
    {
        if (axes.Length != x.Rank)
        {
            Misuse("Permute", $"{axes.Length} axes were given, one for each dimension is needed", ("x", x.Shape));
        }

        Span<int> sizes = stackalloc int[Shape.RankMax];
        int seen = 0;
        for (int i = 0; i < axes.Length; i++)
        {
            int axis = Axis("Permute", x, axes[i]);
            if ((seen & (1 << axis)) != 0)
            {
                Misuse("Permute", $"axis {axis} was given twice", ("x", x.Shape));
            }

            seen |= 1 << axis;
            order[i] = axis;
            sizes[i] = x.Shape[axis];
        }

        return new Shape(sizes[..x.Rank]);
    }

    /// <summary>Rule of <see cref="IGradientBackend.AddIntoSlice"/>: the axis from 0.</summary>
    public static int AddIntoSlice(Tensor destination, int axis, int start, Tensor source)
    {
        int at = Axis("AddIntoSlice", destination, axis);
        if (source.Rank != destination.Rank || source.Shape.With(at, 0) != destination.Shape.With(at, 0) || start < 0
            || start > destination.Shape[at] - source.Shape[at])
        {
            Misuse("AddIntoSlice", $"the source must fit into the destination from {start} on along axis {at}",
                ("destination", destination.Shape), ("source", source.Shape));
        }

        Apart("AddIntoSlice", source, destination);
        return at;
    }

    /// <summary>Rule of <see cref="IBackend.Concat"/>: the axis from 0 and the result's shape.</summary>
    public static (int Axis, Shape Shape) Concat(int axis, ReadOnlySpan<Tensor> parts)
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

        return (at, parts[0].Shape.With(at, total));
    }

    /// <summary>Rule of <see cref="IBackend.Slice"/>: the axis from 0.</summary>
    public static int Slice(Tensor x, int axis, int start, int length)
    {
        int at = Axis("Slice", x, axis);
        if (start < 0 || length < 0 || start > x.Shape[at] - length)
        {
            Misuse("Slice", $"range [{start}, {start + (long)length}) leaves axis {at}", ("x", x.Shape));
        }

        return at;
    }

    /// <summary>Rule of <see cref="IBackend.Pad"/>: the axis from 0 and the result's shape.</summary>
    public static (int Axis, Shape Shape) Pad(Tensor x, int axis, int before, int after)
    {
        int at = Axis("Pad", x, axis);
        if (before < 0 || after < 0)
        {
            Misuse("Pad", $"padding {before}, {after} must not be negative", ("x", x.Shape));
        }

        return (at, x.Shape.With(at, checked(x.Shape[at] + before + after)));
    }

    /// <summary>Rule of <see cref="IBackend.Gather"/>: the result's shape.</summary>
    public static Shape Gather(string op, Shape table, ReadOnlySpan<int> indices)
    {
        if (table.Rank == 0)
        {
            Misuse(op, "the table needs rows", ("table", table));
        }

        Indices(op, indices, table);
        return table.With(0, indices.Length);
    }

    /// <summary>Rule of <see cref="IBackend.Embedding"/>: the result's shape.</summary>
    public static Shape Embedding(Weight table, ReadOnlySpan<int> indices)
    {
        if (table.Shape.Rank != 2)
        {
            Misuse("Embedding", "the table must be [rows, width]", ("table", table.Shape));
        }

        return Gather("Embedding", table.Shape, indices);
    }

    /// <summary>Rule of <see cref="IGradientBackend.ScatterAdd"/>.</summary>
    public static void ScatterAdd(Tensor rows, ReadOnlySpan<int> indices, Tensor destination)
    {
        if (rows.Rank == 0 || destination.Rank == 0 || rows.Shape[0] != indices.Length
            || rows.Shape.With(0, 0) != destination.Shape.With(0, 0))
        {
            Misuse("ScatterAdd", $"rows must be [{indices.Length} indices, ...] with the destination's row shape",
                ("rows", rows.Shape), ("destination", destination.Shape));
        }

        Apart("ScatterAdd", rows, destination);
        Indices("ScatterAdd", indices, destination.Shape);
    }

    /// <summary>Rule of the arithmetic ops: the result's shape.</summary>
    public static Shape Broadcast(string op, Tensor a, Tensor b) => Broadcast(op, a, b, out _);

    /// <summary>Rule of <see cref="IGradientBackend.SumTo"/>.</summary>
    public static void SumTo(Tensor x, Shape shape) => SumTo(x, shape, out _);

    /// <summary>Rule of <see cref="IBackend.Sum"/> and <see cref="IBackend.Mean"/>: the axis from 0 and the result's
    /// shape.</summary>
    public static (int Axis, Shape Shape) Reduce(string op, Tensor x, int axis, bool mean)
    {
        int at = Axis(op, x, axis);
        if (mean && x.Shape[at] == 0)
        {
            Misuse(op, $"axis {at} is empty", ("x", x.Shape));
        }

        Span<int> sizes = stackalloc int[Shape.RankMax];
        int rank = 0;
        for (int i = 0; i < x.Rank; i++)
        {
            if (i != at)
            {
                sizes[rank++] = x.Shape[i];
            }
        }

        return (at, new Shape(sizes[..rank]));
    }

    /// <summary>Rule of <see cref="IBackend.ArgMax"/>.</summary>
    public static void ArgMax(Tensor x)
    {
        if (x.Rank == 0 || x.Shape[-1] == 0)
        {
            Misuse("ArgMax", "the innermost dimension must not be empty", ("x", x.Shape));
        }
    }

    internal static Shape Broadcast(string op, Tensor a, Tensor b, out StridedPlan plan)
    {
        if (!StridedPlan.TryBroadcast(a.Shape, b.Shape, out Shape shape, out plan))
        {
            Misuse(op, "shapes must agree from the right, sizes equal or 1", ("a", a.Shape), ("b", b.Shape));
        }

        return shape;
    }

    internal static void SumTo(Tensor x, Shape shape, out StridedPlan plan)
    {
        if (!StridedPlan.TryBroadcast(x.Shape, shape, out Shape result, out plan) || result != x.Shape)
        {
            Misuse("SumTo", "the shape must broadcast to x", ("x", x.Shape), ("shape", shape));
        }
    }

    private static void Indices(string op, ReadOnlySpan<int> indices, Shape table)
    {
        foreach (int index in indices)
        {
            if (index >= table[0])
            {
                Misuse(op, $"index {index} is outside the table's rows", ("table", table));
            }
        }
    }
}
