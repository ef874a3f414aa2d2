namespace PixSearch.Tensors;

public static partial class OpRules
{
    /// <summary>
    /// A matrix of weights on one side of a product: x [..., in] (or dy [..., out]) for a weight [out, in].
    /// </summary>
    public static void Linear(string op, Shape x, string name, Weight weight, bool inputSide)
    {
        if (weight.Shape.Rank != 2 || x.Rank == 0 || x[-1] != weight.Shape[inputSide ? 1 : 0])
        {
            Misuse(op, $"{name} must be [..., {(inputSide ? "in" : "out")}] for a weight [out, in]", (name, x),
                ($"weight '{weight.Name}'", weight.Shape));
        }
    }

    /// <summary>Rule of <see cref="IGradientBackend.LinearBackwardWeight"/>.</summary>
    public static void LinearBackwardWeight(Tensor x, Tensor dy, Tensor dWeight, Tensor? dBias)
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

        Apart(Op, x, dWeight);
        Apart(Op, dy, dWeight);
    }

    /// <summary>Rule of <see cref="IBackend.MatMul"/>.</summary>
    public static MatMulSizes MatMul(Tensor a, Tensor b, bool transposeA, bool transposeB)
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
        return new MatMulSizes(m, n, k, batchA, batchB, new Shape(sizes[..(lead.Rank + 2)]));
    }

    private static Shape Leading(Shape shape)
    {
        Span<int> sizes = stackalloc int[Shape.RankMax];
        shape.CopyTo(sizes);
        return new Shape(sizes[..(shape.Rank - 2)]);
    }
}

/// <summary>Sizes of a product of matrices that agree.</summary>
/// <param name="M">Rows of the result.</param>
/// <param name="N">Columns of the result.</param>
/// <param name="K">Size that is summed over.</param>
/// <param name="BatchA">Leading dimensions of the left side; rank 0 when one matrix serves all.</param>
/// <param name="BatchB">Leading dimensions of the right side.</param>
/// <param name="Result">Shape of the result.</param>
public readonly record struct MatMulSizes(int M, int N, int K, Shape BatchA, Shape BatchB, Shape Result);
