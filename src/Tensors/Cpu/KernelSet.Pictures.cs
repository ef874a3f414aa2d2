namespace PixSearch.Tensors;

internal abstract unsafe partial class KernelSet
{
    /// <summary>Depthwise convolution.</summary>
    public abstract void Depthwise(WorkerPool pool, in ConvShape shape, float* x, float* weight, float* bias, float* y);

    /// <summary>Resize, or with <paramref name="back"/> its gradient (x is written then).</summary>
    public abstract void Resize(CpuContext context, float* x, int planes, int inHeight, int inWidth, int height,
        int width, ResizeMode mode, float* y, bool back);
}

internal sealed unsafe partial class KernelSet<S, V>
{
    /// <inheritdoc/>
    public override void Depthwise(WorkerPool pool, in ConvShape shape, float* x, float* weight, float* bias,
        float* y) =>
        pool.Run(new DepthwiseJob<S, V> { Shape = shape, X = x, Weight = weight, Bias = bias, Y = y },
            shape.Batch * shape.OutChannels);

    /// <inheritdoc/>
    public override void Resize(CpuContext context, float* x, int planes, int inHeight, int inWidth, int height,
        int width, ResizeMode mode, float* y, bool back) => ResizeJob<S, V>.RunAll(
        context,
        new ResizeJob<S, V>
        {
            InHeight = inHeight,
            InWidth = inWidth,
            Height = height,
            Width = width,
            Mode = mode,
            X = x,
            Y = y,
            Back = back,
        },
        planes);
}
