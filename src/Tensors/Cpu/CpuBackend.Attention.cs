namespace PixSearch.Tensors;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    private protected override void AttentionCore(in AttentionShape shape, float* q, float* k, float* v, float* y) =>
        _kernels.Attention(_context, shape, q, k, v, y);

    /// <inheritdoc/>
    private protected override void AttentionBackwardCore(in AttentionShape shape, float* q, float* k, float* v, float* y,
        float* dy, in AttentionGradientPointers gradients) =>
        _kernels.AttentionBackward(_context, shape, q, k, v, y, dy, gradients);
}
