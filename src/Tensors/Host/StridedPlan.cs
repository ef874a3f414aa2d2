using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Loop nest over a contiguous result and up to two strided operands, with neighbouring dimensions merged where both
/// operands allow. Stride 0 means broadcast.
/// </summary>
internal struct StridedPlan
{
    private Numbers _sizes;
    private Numbers _stridesA;
    private Numbers _stridesB;

    /// <summary>Dimensions after merging; at least 1.</summary>
    public int Rank { get; private set; }

    /// <summary>Elements of the result.</summary>
    public readonly int Count
    {
        get
        {
            int count = 1;
            for (int i = 0; i < Rank; i++)
            {
                count *= _sizes[i];
            }

            return count;
        }
    }

    /// <summary>Plan for copying one strided operand.</summary>
    public static StridedPlan Copy(ReadOnlySpan<int> sizes, ReadOnlySpan<int> strides) =>
        Merge(sizes, strides, strides);

    /// <summary>
    /// Plan for two operands whose shapes agree from the right with sizes equal or 1; false when they do not.
    /// </summary>
    public static bool TryBroadcast(Shape a, Shape b, out Shape result, out StridedPlan plan)
    {
        int rank = Math.Max(a.Rank, b.Rank);
        Span<int> sizes = stackalloc int[Shape.RankMax];
        Span<int> stridesA = stackalloc int[Shape.RankMax];
        Span<int> stridesB = stackalloc int[Shape.RankMax];
        (int strideA, int strideB) = (1, 1);
        for (int i = 1; i <= rank; i++)
        {
            int sizeA = i <= a.Rank ? a[-i] : 1;
            int sizeB = i <= b.Rank ? b[-i] : 1;
            if (sizeA != sizeB && sizeA != 1 && sizeB != 1)
            {
                (result, plan) = (default, default);
                return false;
            }

            sizes[rank - i] = sizeA == 1 ? sizeB : sizeA;
            stridesA[rank - i] = sizeA == 1 ? 0 : strideA;
            stridesB[rank - i] = sizeB == 1 ? 0 : strideB;
            strideA *= sizeA;
            strideB *= sizeB;
        }

        result = new Shape(sizes[..rank]);
        plan = Merge(sizes[..rank], stridesA[..rank], stridesB[..rank]);
        return true;
    }

    /// <summary>Size of a dimension.</summary>
    public readonly int Size(int axis) => _sizes[axis];

    /// <summary>Distance in elements between neighbours of the first operand.</summary>
    public readonly int StrideA(int axis) => _stridesA[axis];

    /// <summary>Distance in elements between neighbours of the second operand.</summary>
    public readonly int StrideB(int axis) => _stridesB[axis];

    /// <summary>Offsets of both operands at a row (all dimensions but the innermost, in order).</summary>
    public readonly (long A, long B) RowOffsets(int row)
    {
        long a = 0;
        long b = 0;
        for (int i = Rank - 2; i >= 0; i--)
        {
            int index = row % _sizes[i];
            row /= _sizes[i];
            a += (long)index * _stridesA[i];
            b += (long)index * _stridesB[i];
        }

        return (a, b);
    }

    private static StridedPlan Merge(ReadOnlySpan<int> sizes, ReadOnlySpan<int> stridesA, ReadOnlySpan<int> stridesB)
    {
        var plan = default(StridedPlan);
        int rank = 0;
        for (int i = 0; i < sizes.Length; i++)
        {
            if (sizes[i] == 1)
            {
                continue;
            }

            bool joins = rank > 0 && plan._stridesA[rank - 1] == (long)stridesA[i] * sizes[i]
                && plan._stridesB[rank - 1] == (long)stridesB[i] * sizes[i];
            int at = joins ? rank - 1 : rank++;
            plan._sizes[at] = joins ? plan._sizes[at] * sizes[i] : sizes[i];
            plan._stridesA[at] = stridesA[i];
            plan._stridesB[at] = stridesB[i];
        }

        if (rank == 0)
        {
            plan._sizes[0] = 1;
            plan._stridesA[0] = 1;
            plan._stridesB[0] = 1;
            rank = 1;
        }

        plan.Rank = rank;
        return plan;
    }

    [InlineArray(Shape.RankMax)]
    private struct Numbers
    {
        private int _first;
    }
}
