namespace PixSearch.Tensors;

/// <summary>
/// Every op as a plain scalar loop that follows its formula: the twin against which each fast kernel is tested, and the
/// backend on machines for which there is nothing better. Sums are kept in double precision, so its results are closer
/// to the truth than those of any fast kernel. Choose it with <c>PIXSEARCH_KERNELS=reference</c>.
/// </summary>
public unsafe partial class ReferenceBackend : HostBackend
{
    /// <summary>A backend with a pool of its own.</summary>
    public ReferenceBackend()
        : this("cpu/reference", new NativePool())
    {
    }

    /// <summary>For backends that replace some of the loops by faster kernels.</summary>
    private protected ReferenceBackend(string name, NativePool memory)
        : base(name, memory)
    {
    }

    /// <inheritdoc/>
    protected override void WidenCore(Weight weight, float* y) => throw NoPackedForm(weight);

    /// <inheritdoc/>
    protected override void WidenRowsCore(Weight table, ReadOnlySpan<int> indices, float* y) =>
        throw NoPackedForm(table);

    /// <inheritdoc/>
    private protected override void PermuteCore(float* x, StridedPlan plan, float* y)
    {
        int width = plan.Size(plan.Rank - 1);
        int stride = plan.StrideA(plan.Rank - 1);
        int rows = plan.Count / width;
        for (int row = 0; row < rows; row++, y += width)
        {
            float* from = x + plan.RowOffsets(row).A;
            for (int i = 0; i < width; i++)
            {
                y[i] = from[(long)i * stride];
            }
        }
    }

    private static InvalidOperationException NoPackedForm(Weight weight) =>
        new($"Weight {weight} was packed by another backend and its plain form was dropped.");
}
