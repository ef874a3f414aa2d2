namespace PixSearch.Tensors;

/// <summary>Convolutions (see <see cref="Convolving"/>) and resizing.</summary>
public sealed unsafe partial class CpuBackend
{
    // Floats that may be read beyond a picture of our own: the widest vector.
    private const int PictureSlack = 16;

    /// <inheritdoc/>
    private protected override void Conv2dCore(in ConvShape shape, float* x, float* weight, float* bias, float* y)
    {
        if (shape.GroupIn == 1 && shape.GroupOut == 1)
        {
            _kernels.Depthwise(_context.Pool, shape, x, weight, bias, y);
            return;
        }

        bool bordered = NeedsBorder(shape);
        using Scratch scratch = new(Memory, bordered ? BorderedCount(shape) : 0);
        float* pictures = bordered ? Bordered(shape, x, scratch.Pointer) : x;
        long planeIn = (long)(shape.InHeight + (2 * shape.Padding)) * (shape.InWidth + (2 * shape.Padding));
        long planeOut = (long)shape.OutHeight * shape.OutWidth;
        for (int group = 0; group < shape.Groups; group++)
        {
            (int input, int output) = (group * shape.GroupIn, group * shape.GroupOut);
            _kernels.Convolve(_context, shape, pictures + (input * planeIn), bordered,
                weight + ((long)output * shape.Taps), bias is null ? null : bias + output, y + (output * planeOut));
        }
    }

    /// <inheritdoc/>
    private protected override void Conv2dBackwardCore(in ConvShape shape, float* x, float* weight, float* dy,
        float* dx, float* dWeight)
    {
        if (shape.Stride == 1 && shape.Groups == 1 && shape.KernelHeight == shape.KernelWidth
            && shape.Padding < shape.KernelHeight)
        {
            TurnedConvolution(shape, weight, dy, dx);
        }
        else
        {
            SpreadGroups(shape, dy, weight, null, dx);
        }

        if (dWeight is not null)
        {
            Conv2dWeightGradientCore(shape, x, dy, dWeight);
        }
    }

    /// <inheritdoc/>
    private protected override void Conv2dWeightGradientCore(in ConvShape shape, float* x, float* dy, float* dWeight)
    {
        bool bordered = NeedsBorder(shape);
        using Scratch scratch = new(Memory, bordered ? BorderedCount(shape) : 0);
        float* pictures = bordered ? Bordered(shape, x, scratch.Pointer) : x;
        long planeIn = (long)(shape.InHeight + (2 * shape.Padding)) * (shape.InWidth + (2 * shape.Padding));
        long planeOut = (long)shape.OutHeight * shape.OutWidth;
        for (int group = 0; group < shape.Groups; group++)
        {
            (int input, int output) = (group * shape.GroupIn, group * shape.GroupOut);
            _kernels.ConvolveWeights(_context, shape, pictures + (input * planeIn), bordered,
                dy + (output * planeOut), dWeight + ((long)output * shape.Taps));
        }
    }

    /// <inheritdoc/>
    private protected override void ConvTranspose2dCore(in ConvShape shape, float* x, float* weight, float* bias,
        float* y)
    {
        bool covers = shape.IsApart && shape.KernelHeight == shape.Stride && shape.KernelWidth == shape.Stride;
        int pixels = shape.InHeight * shape.InWidth;
        for (int plane = 0; !covers && plane < shape.Batch * shape.InChannels; plane++)
        {
            new Span<float>(y + ((long)plane * pixels), pixels).Fill(bias is null ? 0 : bias[plane % shape.InChannels]);
        }

        SpreadGroups(shape, x, weight, shape.IsApart ? bias : null, y);
    }

    /// <inheritdoc/>
    protected override void ChannelSumsCore(float* x, int batch, int channels, int pixels, float* y) =>
        _kernels.ChannelSums(_context.Pool, x, batch, channels, pixels, y);

    private void SpreadGroups(in ConvShape shape, float* y, float* weight, float* bias, float* x)
    {
        long planeIn = (long)shape.InHeight * shape.InWidth;
        long planeOut = (long)shape.OutHeight * shape.OutWidth;
        for (int group = 0; group < shape.Groups; group++)
        {
            (int input, int output) = (group * shape.GroupIn, group * shape.GroupOut);
            _kernels.Spread(_context, shape, y + (output * planeOut), weight + ((long)output * shape.Taps),
                bias is null ? null : bias + input, x + (input * planeIn));
        }
    }

    // With stride 1 the gradient of the input is a convolution too: of the result's gradient, padded to the other side,
    // with the filters turned around and their channels exchanged.
    private void TurnedConvolution(in ConvShape shape, float* weight, float* dy, float* dx)
    {
        (int inputs, int outputs, int size) = (shape.InChannels, shape.OutChannels, shape.KernelHeight);
        using Scratch turned = new(Memory, (long)inputs * outputs * size * size);
        FilterTurning.Run(_context.Pool, weight, outputs, inputs, size * size, turned.Pointer);
        var back = new ConvShape(shape.Batch, outputs, shape.OutHeight, shape.OutWidth, inputs, size, size, 1,
            size - 1 - shape.Padding, 1);
        Conv2dCore(back, dy, turned.Pointer, null, dx);
    }

    // A strided convolution reads exactly what it needs; all others read whole vectors.
    private static bool NeedsBorder(in ConvShape shape) =>
        shape.Padding > 0 || (shape.Stride == 1 && (shape.KernelHeight > 1 || shape.KernelWidth > 1));

    private static long BorderedCount(in ConvShape shape) => PictureSlack
        + Bordering.Count(shape.Batch * shape.InChannels, shape.InHeight, shape.InWidth, shape.Padding);

    private float* Bordered(in ConvShape shape, float* x, float* pictures)
    {
        Bordering.Run(_context.Pool, x, shape.Batch * shape.InChannels, shape.InHeight, shape.InWidth, shape.Padding,
            pictures);
        return pictures;
    }

    /// <inheritdoc/>
    protected override void ResizeCore(float* x, int planes, int inHeight, int inWidth, int height, int width,
        ResizeMode mode,
        float* y) => _kernels.Resize(_context, x, planes, inHeight, inWidth, height, width, mode, y, false);

    /// <inheritdoc/>
    protected override void ResizeBackwardCore(float* dy, int planes, int inHeight, int inWidth, int height, int width,
        ResizeMode mode, float* dx) =>
        _kernels.Resize(_context, dx, planes, inHeight, inWidth, height, width, mode, dy, true);
}
