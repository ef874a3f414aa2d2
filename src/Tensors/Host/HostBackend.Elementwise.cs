namespace PixSearch.Tensors;

/// <summary>Element-wise functions of two arguments.</summary>
internal enum BinaryOp
{
    /// <summary>a + b.</summary>
    Add,

    /// <summary>a - b.</summary>
    Subtract,

    /// <summary>a * b.</summary>
    Multiply,
}

public abstract unsafe partial class HostBackend
{
    /// <inheritdoc/>
    public Tensor Add(Tensor a, Tensor b) => Binary("Add", BinaryOp.Add, a, b);

    /// <inheritdoc/>
    public Tensor Subtract(Tensor a, Tensor b) => Binary("Subtract", BinaryOp.Subtract, a, b);

    /// <inheritdoc/>
    public Tensor Multiply(Tensor a, Tensor b) => Binary("Multiply", BinaryOp.Multiply, a, b);

    /// <inheritdoc/>
    public Tensor Affine(Tensor x, float scale, float shift = 0)
    {
        Tensor result = Empty(x.Shape);
        AffineCore(Pointer("Affine", x), x.Count, scale, shift, Pointer("Affine", result));
        return result;
    }

    /// <inheritdoc/>
    public Tensor Unary(Tensor x, UnaryOp op)
    {
        Tensor result = Empty(x.Shape);
        UnaryCore(Pointer("Unary", x), x.Count, op, Pointer("Unary", result));
        return result;
    }

    /// <inheritdoc/>
    public Tensor UnaryBackward(Tensor x, Tensor y, Tensor dy, UnaryOp op)
    {
        RequireSame("UnaryBackward", ("x", x), ("y", y));
        RequireSame("UnaryBackward", ("x", x), ("dy", dy));
        Tensor dx = Empty(x.Shape);
        UnaryBackwardCore(Pointer("UnaryBackward", x), Pointer("UnaryBackward", y), Pointer("UnaryBackward", dy),
            x.Count, op,
            Pointer("UnaryBackward", dx));
        return dx;
    }

    /// <inheritdoc/>
    public Tensor SwiGlu(Tensor gate, Tensor up)
    {
        RequireSame("SwiGlu", ("gate", gate), ("up", up));
        Tensor result = Empty(gate.Shape);
        SwiGluCore(Pointer("SwiGlu", gate), Pointer("SwiGlu", up), gate.Count, Pointer("SwiGlu", result));
        return result;
    }

    /// <inheritdoc/>
    public (Tensor Gate, Tensor Up) SwiGluBackward(Tensor gate, Tensor up, Tensor dy)
    {
        RequireSame("SwiGluBackward", ("gate", gate), ("up", up));
        RequireSame("SwiGluBackward", ("gate", gate), ("dy", dy));
        Tensor dGate = Empty(gate.Shape);
        Tensor dUp = Empty(up.Shape);
        SwiGluBackwardCore(Pointer("SwiGluBackward", gate), Pointer("SwiGluBackward", up),
            Pointer("SwiGluBackward", dy),
            gate.Count, Pointer("SwiGluBackward", dGate), Pointer("SwiGluBackward", dUp));
        return (dGate, dUp);
    }

    /// <inheritdoc/>
    public void AddInto(Tensor destination, Tensor source)
    {
        RequireSame("AddInto", ("destination", destination), ("source", source));
        AddIntoCore(Pointer("AddInto", source), source.Count, Pointer("AddInto", destination));
    }

    /// <inheritdoc/>
    public Tensor SumTo(Tensor x, Shape shape)
    {
        if (!StridedPlan.TryBroadcast(x.Shape, shape, out Shape result, out StridedPlan plan) || result != x.Shape)
        {
            Misuse("SumTo", "the shape must broadcast to x", ("x", x.Shape), ("shape", shape));
        }

        Tensor sum = Zeros(shape);
        if (x.Count > 0)
        {
            SumToCore(Pointer("SumTo", x), plan, Pointer("SumTo", sum));
        }

        return sum;
    }

    /// <inheritdoc/>
    public Tensor Sum(Tensor x, int axis) => Reduce("Sum", x, axis, false);

    /// <inheritdoc/>
    public Tensor Mean(Tensor x, int axis) => Reduce("Mean", x, axis, true);

    /// <inheritdoc/>
    public int[] ArgMax(Tensor x)
    {
        if (x.Rank == 0 || x.Shape[-1] == 0)
        {
            Misuse("ArgMax", "the innermost dimension must not be empty", ("x", x.Shape));
        }

        int[] result = new int[RowsOf(x.Shape)];
        int width = x.Shape[-1];
        float* p = Pointer("ArgMax", x);
        for (int row = 0; row < result.Length; row++, p += width)
        {
            int best = 0;
            for (int i = 1; i < width; i++)
            {
                best = p[i] > p[best] ? i : best;
            }

            result[row] = best;
        }

        return result;
    }

    /// <summary>y = op(a, b) with broadcasting.</summary>
    private protected abstract void BinaryCore(BinaryOp op, float* a, float* b, StridedPlan plan, float* y);

    /// <summary>y = scale * x + shift.</summary>
    protected abstract void AffineCore(float* x, int count, float scale, float shift, float* y);

    /// <summary>y = op(x).</summary>
    protected abstract void UnaryCore(float* x, int count, UnaryOp op, float* y);

    /// <summary>dx = op'(x) * dy.</summary>
    protected abstract void UnaryBackwardCore(float* x, float* y, float* dy, int count, UnaryOp op, float* dx);

    /// <summary>y = silu(gate) * up.</summary>
    protected abstract void SwiGluCore(float* gate, float* up, int count, float* y);

    /// <summary>Gradients of <see cref="SwiGluCore"/>.</summary>
    protected abstract void SwiGluBackwardCore(float* gate, float* up, float* dy, int count, float* dGate, float* dUp);

    /// <summary>
    /// y += x over the broadcast dimensions: operand A of the plan is x, operand B is y (strides 0 are summed).
    /// </summary>
    private protected abstract void SumToCore(float* x, StridedPlan plan, float* y);

    private protected static void RequireSame(string op, (string Name, Tensor Tensor) a, (string Name, Tensor Tensor) b)
    {
        if (a.Tensor.Shape != b.Tensor.Shape)
        {
            Misuse(op, $"{a.Name} and {b.Name} must have the same shape", (a.Name, a.Tensor.Shape),
                (b.Name, b.Tensor.Shape));
        }
    }

    private Tensor Binary(string name, BinaryOp op, Tensor a, Tensor b)
    {
        if (!StridedPlan.TryBroadcast(a.Shape, b.Shape, out Shape shape, out StridedPlan plan))
        {
            Misuse(name, "shapes must agree from the right, sizes equal or 1", ("a", a.Shape), ("b", b.Shape));
        }

        Tensor result = Empty(shape);
        if (result.Count > 0)
        {
            BinaryCore(op, Pointer(name, a), Pointer(name, b), plan, Pointer(name, result));
        }

        return result;
    }

    private Tensor Reduce(string name, Tensor x, int axis, bool mean)
    {
        int at = Axis(name, x, axis);
        int size = x.Shape[at];
        if (mean && size == 0)
        {
            Misuse(name, $"axis {at} is empty", ("x", x.Shape));
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

        using Tensor sum = SumTo(x, x.Shape.With(at, 1));
        float* p = Pointer(name, sum);
        if (mean)
        {
            AffineCore(p, sum.Count, 1f / size, 0, p);
        }

        return sum.View(0, new Shape(sizes[..rank]));
    }
}
