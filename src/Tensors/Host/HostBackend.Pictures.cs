namespace PixSearch.Tensors;

public abstract unsafe partial class HostBackend
{
    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, Weight? bias, int stride, int padding, int groups = 1)
    {
        const string Op = "Conv2d";
        ConvShape shape = OpRules.ConvShapeOf(Op, x.Shape, weight, stride, padding, groups);
        OpRules.Vector(Op, bias, shape.OutChannels, "bias", "out");
        Tensor y = Empty(new Shape(shape.Batch, shape.OutChannels, shape.OutHeight, shape.OutWidth));
        using Tensor plain = Widened(weight);
        using Tensor? plainBias = bias is null ? null : Widened(bias);
        Conv2dCore(shape, Pointer(Op, x), Pointer(Op, plain), plainBias is null ? null : Pointer(Op, plainBias),
            Pointer(Op, y));
        return y;
    }

    /// <inheritdoc/>
    public Tensor Conv2dBackward(Tensor x, Weight weight, int stride, int padding, int groups, Tensor dy,
        Tensor? dWeight,
        Tensor? dBias)
    {
        const string Op = "Conv2dBackward";
        ConvShape shape = CheckConvBackward(Op, x, weight, stride, padding, groups, dy, dWeight, dBias);
        Tensor dx = Zeros(x.Shape);
        using Tensor plain = Widened(weight);
        Conv2dBackwardCore(shape, Pointer(Op, x), Pointer(Op, plain), Pointer(Op, dy), Pointer(Op, dx),
            dWeight is null ? null : Pointer(Op, dWeight));
        AddChannelSums(Op, shape, dy, dBias);
        return dx;
    }

    /// <inheritdoc/>
    public void Conv2dBackwardWeight(Tensor x, Weight weight, int stride, int padding, int groups, Tensor dy,
        Tensor? dWeight, Tensor? dBias)
    {
        const string Op = "Conv2dBackwardWeight";
        ConvShape shape = CheckConvBackward(Op, x, weight, stride, padding, groups, dy, dWeight, dBias);
        if (dWeight is not null)
        {
            Conv2dWeightGradientCore(shape, Pointer(Op, x), Pointer(Op, dy), Pointer(Op, dWeight));
        }

        AddChannelSums(Op, shape, dy, dBias);
    }

    /// <inheritdoc/>
    public Tensor ConvTranspose2d(Tensor x, Weight weight, Weight? bias, int stride)
    {
        const string Op = "ConvTranspose2d";
        ConvShape shape = OpRules.TransposedShapeOf(Op, x.Shape, weight, stride);
        OpRules.Vector(Op, bias, shape.InChannels, "bias", "out");
        Tensor y = Empty(new Shape(shape.Batch, shape.InChannels, shape.InHeight, shape.InWidth));
        using Tensor plain = Widened(weight);
        using Tensor? plainBias = bias is null ? null : Widened(bias);
        ConvTranspose2dCore(shape, Pointer(Op, x), Pointer(Op, plain),
            plainBias is null ? null : Pointer(Op, plainBias), Pointer(Op, y));
        return y;
    }

    /// <inheritdoc/>
    public Tensor ConvTranspose2dBackward(Tensor x, Weight weight, int stride, Tensor dy, Tensor? dWeight,
        Tensor? dBias)
    {
        const string Op = "ConvTranspose2dBackward";
        ConvShape shape = OpRules.TransposedShapeOf(Op, x.Shape, weight, stride);
        OpRules.ConvGradient(Op, x, weight, dy,
            new Shape(shape.Batch, shape.InChannels, shape.InHeight, shape.InWidth));
        OpRules.Gradient(Op, dWeight, weight.Shape.Count, "dWeight");
        OpRules.Gradient(Op, dBias, shape.InChannels, "dBias");
        Tensor dx = Empty(x.Shape);
        using Tensor plain = Widened(weight);

        // A transposed convolution is the gradient of a convolution, so its own gradient is that convolution.
        Conv2dCore(shape, Pointer(Op, dy), Pointer(Op, plain), null, Pointer(Op, dx));
        if (dWeight is not null)
        {
            Conv2dWeightGradientCore(shape, Pointer(Op, dy), Pointer(Op, x), Pointer(Op, dWeight));
        }

        if (dBias is not null)
        {
            ChannelSumsCore(Pointer(Op, dy), shape.Batch, shape.InChannels, shape.InHeight * shape.InWidth,
                Pointer(Op, dBias));
        }

        return dx;
    }

    /// <inheritdoc/>
    public Tensor Resize(Tensor x, int height, int width, ResizeMode mode)
    {
        OpRules.Resize("Resize", x.Shape, height, width);
        Tensor y = Empty(x.Shape.With(2, height).With(3, width));
        ResizeCore(Pointer("Resize", x), x.Shape[0] * x.Shape[1], x.Shape[2], x.Shape[3], height, width, mode,
            Pointer("Resize", y));
        return y;
    }

    /// <inheritdoc/>
    public Tensor ResizeBackward(Tensor dy, Shape source, ResizeMode mode)
    {
        const string Op = "ResizeBackward";
        OpRules.ResizeBackward(dy, source);
        Tensor dx = Zeros(source);
        ResizeBackwardCore(Pointer(Op, dy), source[0] * source[1], source[2], source[3], dy.Shape[2], dy.Shape[3], mode,
            Pointer(Op, dx));
        return dx;
    }

    /// <summary>Convolution of checked sizes; bias may be null.</summary>
    private protected abstract void Conv2dCore(in ConvShape shape, float* x, float* weight, float* bias, float* y);

    /// <summary>dx (zeroed) += and, unless null, dWeight += of <see cref="Conv2dCore"/>.</summary>
    private protected abstract void Conv2dBackwardCore(in ConvShape shape, float* x, float* weight, float* dy,
        float* dx, float* dWeight);

    /// <summary>dWeight += of <see cref="Conv2dCore"/>.</summary>
    private protected abstract void Conv2dWeightGradientCore(in ConvShape shape, float* x, float* dy, float* dWeight);

    /// <summary>
    /// Transposed convolution: <paramref name="shape"/> is the convolution whose gradient it is, so "in" is its result
    /// and "out" its source.
    /// </summary>
    private protected abstract void ConvTranspose2dCore(in ConvShape shape, float* x, float* weight, float* bias,
        float* y);

    /// <summary>Resampling of planes of checked sizes.</summary>
    protected abstract void ResizeCore(float* x, int planes, int inHeight, int inWidth, int height, int width,
        ResizeMode mode, float* y);

    /// <summary>dx (zeroed) += of <see cref="ResizeCore"/>.</summary>
    protected abstract void ResizeBackwardCore(float* dy, int planes, int inHeight, int inWidth, int height, int width,
        ResizeMode mode, float* dx);

    /// <summary>y += sums of each channel. Shapes: x [batch, channels, pixels], y [channels].</summary>
    protected abstract void ChannelSumsCore(float* x, int batch, int channels, int pixels, float* y);

    private static ConvShape CheckConvBackward(string op, Tensor x, Weight weight, int stride, int padding, int groups,
        Tensor dy, Tensor? dWeight, Tensor? dBias)
    {
        ConvShape shape = OpRules.ConvShapeOf(op, x.Shape, weight, stride, padding, groups);
        OpRules.ConvGradient(op, x, weight, dy,
            new Shape(shape.Batch, shape.OutChannels, shape.OutHeight, shape.OutWidth));
        OpRules.Gradient(op, dWeight, weight.Shape.Count, "dWeight");
        OpRules.Gradient(op, dBias, shape.OutChannels, "dBias");
        return shape;
    }

    private void AddChannelSums(string op, in ConvShape shape, Tensor dy, Tensor? dBias)
    {
        if (dBias is not null)
        {
            ChannelSumsCore(Pointer(op, dy), shape.Batch, shape.OutChannels, shape.OutHeight * shape.OutWidth,
                Pointer(op, dBias));
        }
    }
}
