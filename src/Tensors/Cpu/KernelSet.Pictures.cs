namespace PixSearch.Tensors;

internal abstract unsafe partial class KernelSet
{
    /// <summary>
    /// One group of a convolution: planes of the group in x (with padding) and y, its filters and biases.
    /// </summary>
    public abstract void Convolve(CpuContext context, in ConvShape shape, float* x, bool hasSlack, float* weight,
        float* bias, float* y);

    /// <summary>dWeight += of <see cref="Convolve"/>.</summary>
    public abstract void ConvolveWeights(CpuContext context, in ConvShape shape, float* x, bool hasSlack, float* dy,
        float* dWeight);

    /// <summary>The transpose of one group of a convolution: x += or, where patches lie apart, x =.</summary>
    public abstract void Spread(CpuContext context, in ConvShape shape, float* y, float* weight, float* bias,
        float* x);

    /// <summary>Depthwise convolution.</summary>
    public abstract void Depthwise(WorkerPool pool, in ConvShape shape, float* x, float* weight, float* bias, float* y);

    /// <summary>Resize, or with <paramref name="back"/> its gradient (x is written then).</summary>
    public abstract void Resize(CpuContext context, float* x, int planes, int inHeight, int inWidth, int height,
        int width, ResizeMode mode, float* y, bool back);
}

internal sealed unsafe partial class KernelSet<S, V>
{
    /// <inheritdoc/>
    public override void Convolve(CpuContext context, in ConvShape shape, float* x, bool hasSlack, float* weight,
        float* bias, float* y) => Convolving.Forward(context, shape, new ConvPatches<S, V>(shape, x, hasSlack), weight,
        bias, y);

    /// <inheritdoc/>
    public override void ConvolveWeights(CpuContext context, in ConvShape shape, float* x, bool hasSlack, float* dy,
        float* dWeight) => Convolving.WeightGradient(context, shape, new ConvPatches<S, V>(shape, x, hasSlack), dy,
        dWeight);

    /// <inheritdoc/>
    public override void Spread(CpuContext context, in ConvShape shape, float* y, float* weight, float* bias,
        float* x) => Convolving.Spread<S, V>(context, shape, y, weight, bias, x);

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
