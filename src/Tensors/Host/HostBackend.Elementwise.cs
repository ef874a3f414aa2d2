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
        OpRules.Same("UnaryBackward", ("x", x), ("y", y));
        OpRules.Same("UnaryBackward", ("x", x), ("dy", dy));
        Tensor dx = Empty(x.Shape);
        UnaryBackwardCore(Pointer("UnaryBackward", x), Pointer("UnaryBackward", y), Pointer("UnaryBackward", dy),
            x.Count, op,
            Pointer("UnaryBackward", dx));
        return dx;
    }

    /// <inheritdoc/>
    public Tensor SwiGlu(Tensor gate, Tensor up)
    {
        OpRules.Same("SwiGlu", ("gate", gate), ("up", up));
        Tensor result = Empty(gate.Shape);
        SwiGluCore(Pointer("SwiGlu", gate), Pointer("SwiGlu", up), gate.Count, Pointer("SwiGlu", result));
        return result;
    }

    /// <inheritdoc/>
    public (Tensor Gate, Tensor Up) SwiGluBackward(Tensor gate, Tensor up, Tensor dy)
    {
        OpRules.Same("SwiGluBackward", ("gate", gate), ("up", up));
        OpRules.Same("SwiGluBackward", ("gate", gate), ("dy", dy));
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
        OpRules.Same("AddInto", ("destination", destination), ("source", source));
        AddIntoCore(Pointer("AddInto", source), source.Count, Pointer("AddInto", destination));
    }

    /// <inheritdoc/>
    public Tensor SumTo(Tensor x, Shape shape)
    {
        OpRules.SumTo(x, shape, out StridedPlan plan);
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
        OpRules.ArgMax(x);
        int[] result = new int[OpRules.RowsOf(x.Shape)];
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

    private Tensor Binary(string name, BinaryOp op, Tensor a, Tensor b)
    {
        Shape shape = OpRules.Broadcast(name, a, b, out StridedPlan plan);
        Tensor result = Empty(shape);
        if (result.Count > 0)
        {
            BinaryCore(op, Pointer(name, a), Pointer(name, b), plan, Pointer(name, result));
        }

        return result;
    }

    private Tensor Reduce(string name, Tensor x, int axis, bool mean)
    {
        (int at, Shape shape) = OpRules.Reduce(name, x, axis, mean);
        using Tensor sum = SumTo(x, x.Shape.With(at, 1));
        float* p = Pointer(name, sum);
        if (mean)
        {
            AffineCore(p, sum.Count, 1f / x.Shape[at], 0, p);
        }

        return sum.View(0, shape);
    }
}
