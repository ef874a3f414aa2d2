namespace PixSearch.Tensors;

public static partial class OpRules
{
    /// <summary>Rule of <see cref="IBackend.Conv2d"/>: the result's shape.</summary>
    public static Shape Conv2d(string op, Shape x, Weight weight, int stride, int padding, int groups)
    {
        ConvShape shape = ConvShapeOf(op, x, weight, stride, padding, groups);
        return new Shape(shape.Batch, shape.OutChannels, shape.OutHeight, shape.OutWidth);
    }

    /// <summary>Rule of <see cref="IBackend.ConvTranspose2d"/>: the result's shape.</summary>
    public static Shape ConvTranspose2d(string op, Shape x, Weight weight, int stride)
    {
        ConvShape shape = TransposedShapeOf(op, x, weight, stride);
        return new Shape(shape.Batch, shape.InChannels, shape.InHeight, shape.InWidth);
    }

    /// <summary>The gradient of a convolution's result has its shape.</summary>
    public static void ConvGradient(string op, Tensor x, Weight weight, Tensor dy, Shape result)
    {
        if (dy.Shape != result)
        {
            Misuse(op, "dy must have the result's shape", ("x", x.Shape), ("weight", weight.Shape), ("dy", dy.Shape));
        }
    }

    /// <summary>Rule of <see cref="IBackend.Resize"/>.</summary>
    public static void Resize(string op, Shape x, int height, int width)
    {
        if (x.Rank != 4 || height < 1 || width < 1 || x[2] < 1 || x[3] < 1)
        {
            Misuse(op, $"[batch, channels, height, width] cannot be resized to {height} x {width}", ("x", x));
        }
    }

    /// <summary>Rule of <see cref="IGradientBackend.ResizeBackward"/>.</summary>
    public static void ResizeBackward(Tensor dy, Shape source)
    {
        const string Op = "ResizeBackward";
        if (source.Rank != 4 || dy.Rank != 4 || dy.Shape[0] != source[0] || dy.Shape[1] != source[1])
        {
            Misuse(Op, "dy and source must be pictures with the same batch and channels", ("dy", dy.Shape),
                ("source", source));
        }

        Resize(Op, source, dy.Shape[2], dy.Shape[3]);
    }

    internal static ConvShape ConvShapeOf(string op, Shape x, Weight weight, int stride, int padding, int groups)
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

    // The convolution whose gradient a transposed one is: its "in" is the result, its "out" the source.
    internal static ConvShape TransposedShapeOf(string op, Shape x, Weight weight, int stride)
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
