namespace PixSearch.Tensors;

internal abstract unsafe partial class KernelSet
{
    /// <summary>RMSNorm or LayerNorm.</summary>
    public abstract void Norm(WorkerPool pool, NormArguments arguments);

    /// <summary>Gradients of a norm; dScale and dShift (added to) may be null.</summary>
    public abstract void NormBackward(CpuContext context, NormArguments arguments, float* dScale, float* dShift);

    /// <summary>LayerNorm over channels. Shapes: x and y [batch, channels, pixels].</summary>
    public abstract void ChannelNorm(CpuContext context, float* x, int batch, int channels, int pixels, float* scale,
        float* shift, float epsilon, float* y);

    /// <summary>Gradients of <see cref="ChannelNorm"/>; dScale and dShift (added to) may be null.</summary>
    public abstract void ChannelNormBackward(CpuContext context, float* x, int batch, int channels, int pixels,
        float* scale, float epsilon, float* dy, float* dx, float* dScale, float* dShift);

    /// <summary>Softmax of rows.</summary>
    public abstract void Softmax(WorkerPool pool, float* x, int rows, int width, float* y);

    /// <summary>Gradient of softmax.</summary>
    public abstract void SoftmaxBackward(WorkerPool pool, float* y, float* dy, int rows, int width, float* dx);

    /// <summary>Rotary embedding.</summary>
    public abstract void Rotate(WorkerPool pool, float* x, int tokens, int heads, int size, float* cos, float* sin,
        int tableRows, float* y);
}

internal sealed unsafe partial class KernelSet<S, V>
{
    /// <inheritdoc/>
    public override void Norm(WorkerPool pool, NormArguments arguments) => NormKernels.Forward<S, V>(pool, arguments);

    /// <inheritdoc/>
    public override void NormBackward(CpuContext context, NormArguments arguments, float* dScale, float* dShift) =>
        NormKernels.Backward<S, V>(context, arguments, dScale, dShift);

    /// <inheritdoc/>
    public override void ChannelNorm(CpuContext context, float* x, int batch, int channels, int pixels, float* scale,
        float* shift, float epsilon, float* y) => ChannelNormJob<S, V>.Forward(
        context,
        new ChannelNormJob<S, V>
        {
            X = x,
            Scale = scale,
            Shift = shift,
            Y = y,
            Epsilon = epsilon,
            Batch = batch,
            Channels = channels,
            Pixels = pixels,
        });

    /// <inheritdoc/>
    public override void ChannelNormBackward(CpuContext context, float* x, int batch, int channels, int pixels,
        float* scale, float epsilon, float* dy, float* dx, float* dScale, float* dShift) =>
        ChannelNormJob<S, V>.Backward(
            context,
            new ChannelNormJob<S, V>
            {
                X = x,
                Scale = scale,
                Dy = dy,
                Y = dx,
                Epsilon = epsilon,
                Batch = batch,
                Channels = channels,
                Pixels = pixels,
            },
            dScale,
            dShift);

    /// <inheritdoc/>
    public override void Softmax(WorkerPool pool, float* x, int rows, int width, float* y) =>
        SoftmaxKernels.Forward<S, V>(pool, x, rows, width, y);

    /// <inheritdoc/>
    public override void SoftmaxBackward(WorkerPool pool, float* y, float* dy, int rows, int width, float* dx) =>
        SoftmaxKernels.Backward<S, V>(pool, y, dy, rows, width, dx);

    /// <inheritdoc/>
    public override void Rotate(WorkerPool pool, float* x, int tokens, int heads, int size, float* cos, float* sin,
        int tableRows, float* y)
    {
        int each = Math.Max(1, 16384 / (heads * size));
        var job = new RotateJob<S, V>
        {
            X = x,
            Cos = cos,
            Sin = sin,
            Y = y,
            Tokens = tokens,
            TokensEach = each,
            TableRows = tableRows,
            Heads = heads,
            Size = size,
        };
        pool.Run(job, (tokens + each - 1) / each);
    }
}
