namespace PixSearch.Tensors;

public abstract unsafe partial class HostBackend
{
    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, Weight? bias, int stride, int padding, int groups = 1)
    {
        const string Op = "Conv2d";
        ConvShape shape = ConvShapeOf(Op, x.Shape, weight, stride, padding, groups);
        CheckVector(Op, bias, shape.OutChannels, "bias", "out");
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
        ConvShape shape = TransposedShapeOf(Op, x.Shape, weight, stride);
        CheckVector(Op, bias, shape.InChannels, "bias", "out");
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
        ConvShape shape = TransposedShapeOf(Op, x.Shape, weight, stride);
        if (dy.Shape != new Shape(shape.Batch, shape.InChannels, shape.InHeight, shape.InWidth))
        {
            Misuse(Op, "dy must have the result's shape", ("x", x.Shape), ("weight", weight.Shape), ("dy", dy.Shape));
        }

        CheckGradient(Op, dWeight, weight.Shape.Count, "dWeight");
        CheckGradient(Op, dBias, shape.InChannels, "dBias");
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
        CheckPicture("Resize", x.Shape, height, width);
        Tensor y = Empty(x.Shape.With(2, height).With(3, width));
        ResizeCore(Pointer("Resize", x), x.Shape[0] * x.Shape[1], x.Shape[2], x.Shape[3], height, width, mode,
            Pointer("Resize", y));
        return y;
    }

    /// <inheritdoc/>
    public Tensor ResizeBackward(Tensor dy, Shape source, ResizeMode mode)
    {
        const string Op = "ResizeBackward";
        if (source.Rank != 4 || dy.Rank != 4 || dy.Shape[0] != source[0] || dy.Shape[1] != source[1])
        {
            Misuse(Op, "dy and source must be pictures with the same batch and channels", ("dy", dy.Shape),
                ("source", source));
        }

        CheckPicture(Op, source, dy.Shape[2], dy.Shape[3]);
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
        ConvShape shape = ConvShapeOf(op, x.Shape, weight, stride, padding, groups);
        if (dy.Shape != new Shape(shape.Batch, shape.OutChannels, shape.OutHeight, shape.OutWidth))
        {
            Misuse(op, "dy must have the result's shape", ("x", x.Shape), ("weight", weight.Shape), ("dy", dy.Shape));
        }

        CheckGradient(op, dWeight, weight.Shape.Count, "dWeight");
        CheckGradient(op, dBias, shape.OutChannels, "dBias");
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

    private static void CheckPicture(string op, Shape x, int height, int width)
    {
        if (x.Rank != 4 || height < 1 || width < 1 || x[2] < 1 || x[3] < 1)
        {
            Misuse(op, $"[batch, channels, height, width] cannot be resized to {height} x {width}", ("x", x));
        }
    }

    private static ConvShape ConvShapeOf(string op, Shape x, Weight weight, int stride, int padding, int groups)
    {
        Shape w = weight.Shape;
        if (x.Rank != 4 || w.Rank != 4 || stride < 1 || padding < 0 || groups < 1 || x[1] % groups != 0
            || w[0] % groups != 0
            || w[1] != x[1] / groups || w[2] < 1 || w[3] < 1 || x[2] + (2 * padding) < w[2] || x[3]
            + (2 * padding) < w[3])
        {
            Misuse(op, $"x must be [batch, in, height, width] and weight [out, in / groups, kh, kw] "
                + $"that fits (stride {stride}, "
                + $"padding {padding}, groups {groups})", ("x", x), ($"weight '{weight.Name}'", w));
        }

        return new ConvShape(x[0], x[1], x[2], x[3], w[0], w[2], w[3], stride, padding, groups);
    }

    private static ConvShape TransposedShapeOf(string op, Shape x, Weight weight, int stride)
    {
        Shape w = weight.Shape;
        if (x.Rank != 4 || w.Rank != 4 || stride < 1 || w[0] != x[1] || x[2] < 1 || x[3] < 1 || w[2] < 1 || w[3] < 1)
        {
            Misuse(op, $"x must be [batch, in, height, width] and weight [in, out, kh, kw] (stride {stride})", ("x", x),
                ($"weight '{weight.Name}'", w));
        }

        return new ConvShape(x[0], w[1], ((x[2] - 1) * stride) + w[2], ((x[3] - 1) * stride) + w[3], w[0], w[2], w[3],
            stride, 0,
            1);
    }
}
