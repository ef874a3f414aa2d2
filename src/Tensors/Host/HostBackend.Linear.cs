namespace PixSearch.Tensors;

public abstract unsafe partial class HostBackend
{
    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, Weight? bias = null)
    {
        OpRules.Linear("Linear", x.Shape, "x", weight, inputSide: true);
        OpRules.Vector("Linear", bias, weight.Shape[0], "bias", "out");
        Tensor y = Empty(x.Shape.With(-1, weight.Shape[0]));
        using Tensor? plainBias = bias is null ? null : Widened(bias);
        LinearCore(Pointer("Linear", x), OpRules.RowsOf(y.Shape), weight,
            plainBias is null ? null : Pointer("Linear", plainBias), Pointer("Linear", y));
        return y;
    }

    /// <inheritdoc/>
    public Tensor LinearBackwardInput(Tensor dy, Weight weight)
    {
        OpRules.Linear("LinearBackwardInput", dy.Shape, "dy", weight, inputSide: false);
        Tensor dx = Empty(dy.Shape.With(-1, weight.Shape[1]));
        LinearBackwardInputCore(Pointer("LinearBackwardInput", dy), OpRules.RowsOf(dy.Shape), weight,
            Pointer("LinearBackwardInput", dx));
        return dx;
    }

    /// <inheritdoc/>
    public void LinearBackwardWeight(Tensor x, Tensor dy, Tensor dWeight, Tensor? dBias)
    {
        const string Op = "LinearBackwardWeight";
        OpRules.LinearBackwardWeight(x, dy, dWeight, dBias);
        (int rows, int input, int output) = (OpRules.RowsOf(dy.Shape), x.Shape[-1], dy.Shape[-1]);
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
        MatMulSizes sizes = OpRules.MatMul(a, b, transposeA, transposeB);
        (int m, int n, int k) = (sizes.M, sizes.N, sizes.K);
        (Shape batchA, Shape batchB) = (sizes.BatchA, sizes.BatchB);
        Shape lead = batchA.Rank > 0 ? batchA : batchB;
        Tensor y = Empty(sizes.Result);
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
}
