namespace PixSearch.Tensors;

internal abstract unsafe partial class KernelSet
{
    /// <summary>c = a b or c += a b.</summary>
    public abstract void Gemm(CpuContext context, GemmShape shape, GemmOperand a, GemmOperand b, float* c, int ldc,
        bool accumulate);

    /// <summary>c = a b + bias with a packed right side.</summary>
    public abstract void GemmPacked(CpuContext context, GemmShape shape, GemmOperand a, float* panels, float* bias, float* c,
        int ldc);

    /// <summary>Elements of a packed right side [k, n].</summary>
    public abstract long PackedCount(int n, int k);

    /// <summary>Packs a right side.</summary>
    public abstract void Pack(CpuContext context, GemmOperand b, int n, int k, float* packed);
}

internal sealed unsafe partial class KernelSet<S, V>
{
    /// <inheritdoc/>
    public override void Gemm(CpuContext context, GemmShape shape, GemmOperand a, GemmOperand b, float* c, int ldc,
        bool accumulate) => Tensors.Gemm.Run<S, V>(context, shape, a, b, c, ldc, accumulate);

    /// <inheritdoc/>
    public override void GemmPacked(CpuContext context, GemmShape shape, GemmOperand a, float* panels, float* bias, float* c,
        int ldc) => Tensors.Gemm.RunPacked<S, V>(context, shape, a, panels, bias, c, ldc, false);

    /// <inheritdoc/>
    public override long PackedCount(int n, int k) => Tensors.Gemm.PackedCount<S, V>(n, k);

    /// <inheritdoc/>
    public override void Pack(CpuContext context, GemmOperand b, int n, int k, float* packed) =>
        Tensors.Gemm.Pack<S, V>(context.Pool, b, n, k, packed);
}
