namespace PixSearch.Tensors;

public abstract unsafe partial class HostBackend
{
    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, Weight? bias = null)
    {
        CheckLinear("Linear", x.Shape, "x", weight, inputSide: true);
        CheckVector("Linear", bias, weight.Shape[0], "bias", "out");
        Tensor y = Empty(x.Shape.With(-1, weight.Shape[0]));
        using Tensor? plainBias = bias is null ? null : Widened(bias);
        LinearCore(Pointer("Linear", x), x.Count / Math.Max(1, weight.Shape[1]), weight,
            plainBias is null ? null : Pointer("Linear", plainBias), Pointer("Linear", y));
        return y;
    }

    /// <inheritdoc/>
    public Tensor LinearBackwardInput(Tensor dy, Weight weight)
    {
        CheckLinear("LinearBackwardInput", dy.Shape, "dy", weight, inputSide: false);
        Tensor dx = Empty(dy.Shape.With(-1, weight.Shape[1]));
        LinearBackwardInputCore(Pointer("LinearBackwardInput", dy), RowsOf(dy.Shape), weight,
            Pointer("LinearBackwardInput", dx));
        return dx;
    }

    /// <inheritdoc/>
    public void LinearBackwardWeight(Tensor x, Tensor dy, Tensor dWeight, Tensor? dBias)
    {
        const string Op = "LinearBackwardWeight";
        if (x.Rank == 0 || x.Rank != dy.Rank || x.Shape.With(-1, 0) != dy.Shape.With(-1, 0) || dWeight.Rank != 2
            || dWeight.Shape[0] != dy.Shape[-1] || dWeight.Shape[1] != x.Shape[-1])
        {
            Misuse(Op, "x must be [..., in], dy [..., out] with the same rows, dWeight [out, in]", ("x", x.Shape),
                ("dy", dy.Shape), ("dWeight", dWeight.Shape));
        }

        if (dBias is not null && dBias.Count != dy.Shape[-1])
        {
            Misuse(Op, "dBias must be [out]", ("dBias", dBias.Shape), ("dy", dy.Shape));
        }

        RequireApart(Op, x, dWeight);
        RequireApart(Op, dy, dWeight);
        (int rows, int input, int output) = (RowsOf(dy.Shape), x.Shape[-1], dy.Shape[-1]);
        var matrix = new GemmShape(output, input, rows);
        GemmCore(matrix, new GemmOperand(Pointer(Op, dy), output, transposed: true),
            new GemmOperand(Pointer(Op, x), input, transposed: false), Pointer(Op, dWeight), input, accumulate: true);
        if (dBias is not null)
        {
            ColumnSumsCore(Pointer(Op, dy), rows, output, Pointer(Op, dBias));
        }
    }

    /// <inheritdoc/>
    public Tensor MatMul(Tensor a, Tensor b, bool transposeA = false, bool transposeB = false)
    {
        const string Op = "MatMul";
        if (a.Rank < 2 || b.Rank < 2)
        {
            Misuse(Op, "both sides need two dimensions or more", ("a", a.Shape), ("b", b.Shape));
        }

        (int m, int k) = transposeA ? (a.Shape[-1], a.Shape[-2]) : (a.Shape[-2], a.Shape[-1]);
        (int kb, int n) = transposeB ? (b.Shape[-1], b.Shape[-2]) : (b.Shape[-2], b.Shape[-1]);
        Shape batchA = Leading(a.Shape);
        Shape batchB = Leading(b.Shape);
        if (k != kb || (batchA != batchB && batchA.Rank > 0 && batchB.Rank > 0))
        {
            Misuse(Op, $"inner sizes {k} and {kb} and the leading dimensions must agree", ("a", a.Shape),
                ("b", b.Shape));
        }

        Shape lead = batchA.Rank > 0 ? batchA : batchB;
        Span<int> sizes = stackalloc int[Shape.RankMax];
        lead.CopyTo(sizes);
        sizes[lead.Rank] = m;
        sizes[lead.Rank + 1] = n;
        Tensor y = Empty(new Shape(sizes[..(lead.Rank + 2)]));
        var shape = new GemmShape(m, n, k);
        float* pa = Pointer(Op, a);
        float* pb = Pointer(Op, b);
        float* py = Pointer(Op, y);
        (long stepA, long stepB) = (batchA.Rank > 0 ? (long)m * k : 0, batchB.Rank > 0 ? (long)k * n : 0);
        (int ldA, int ldB) = (a.Shape[-1], b.Shape[-1]);
        if (lead.Rank > 0 && batchB.Rank == 0 && !transposeA)
        {
            // One B for all of A: the batch is just more rows.
            (shape, lead) = (new GemmShape(m * lead.Count, n, k), default);
        }

        BatchedGemmCore(lead.Count, shape, new GemmOperand(pa, ldA, transposeA), stepA,
            new GemmOperand(pb, ldB, transposeB), stepB, py);
        return y;
    }

    /// <summary>y = x W^T + bias. Shapes: x [rows, in], bias [out] or null, y [rows, out].</summary>
    protected abstract void LinearCore(float* x, int rows, Weight weight, float* bias, float* y);

    /// <summary>dx = dy W. Shapes: dy [rows, out], dx [rows, in].</summary>
    protected abstract void LinearBackwardInputCore(float* dy, int rows, Weight weight, float* dx);

    /// <summary>c = a b, or c += a b. Rows of c are <paramref name="ldc"/> elements apart.</summary>
    private protected abstract void GemmCore(GemmShape shape, GemmOperand a, GemmOperand b, float* c, int ldc,
        bool accumulate);

    /// <summary>Many products of one shape; steps are the distances between matrices, 0 for the same one.</summary>
    private protected abstract void BatchedGemmCore(int batch, GemmShape shape, GemmOperand a, long stepA,
        GemmOperand b, long stepB, float* c);

    /// <summary>y += sums of the columns of x. Shapes: x [rows, columns], y [columns].</summary>
    protected abstract void ColumnSumsCore(float* x, int rows, int columns, float* y);

    private static Shape Leading(Shape shape)
    {
        Span<int> sizes = stackalloc int[Shape.RankMax];
        shape.CopyTo(sizes);
        return new Shape(sizes[..(shape.Rank - 2)]);
    }

    private static void CheckLinear(string op, Shape x, string name, Weight weight, bool inputSide)
    {
        if (weight.Shape.Rank != 2 || x.Rank == 0 || x[-1] != weight.Shape[inputSide ? 1 : 0])
        {
            Misuse(op, $"{name} must be [..., {(inputSide ? "in" : "out")}] for a weight [out, in]", (name, x),
                ($"weight '{weight.Name}'", weight.Shape));
        }
    }

    private static void CheckVector(string op, Weight? vector, int size, string name, string dimension)
    {
        if (vector is not null && vector.Shape.Count != size)
        {
            Misuse(op, $"{name} must be [{dimension}] = [{size}]", ($"{name} '{vector.Name}'", vector.Shape));
        }
    }
}
