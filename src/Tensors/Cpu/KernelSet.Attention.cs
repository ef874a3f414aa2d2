namespace PixSearch.Tensors;

internal abstract unsafe partial class KernelSet
{
    /// <summary>Attention.</summary>
    public abstract void Attention(CpuContext context, in AttentionShape shape, float* q, float* k, float* v, float* y);

    /// <summary>Gradients of attention.</summary>
    public abstract void AttentionBackward(CpuContext context, in AttentionShape shape, float* q, float* k, float* v, float* y,
        float* dy, in AttentionGradientPointers gradients);
}

internal sealed unsafe partial class KernelSet<S, V>
{
    /// <inheritdoc/>
    public override void Attention(CpuContext context, in AttentionShape shape, float* q, float* k, float* v, float* y) =>
        AttentionForwardJob<S, V>.RunAll(context, shape, q, k, v, y);

    /// <inheritdoc/>
    public override void AttentionBackward(CpuContext context, in AttentionShape shape, float* q, float* k, float* v, float* y,
        float* dy, in AttentionGradientPointers gradients) =>
        AttentionBackwardJob<S, V>.RunAll(context, shape, q, k, v, y, dy, gradients);
}
