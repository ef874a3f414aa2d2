namespace PixSearch.Tensors;

public abstract unsafe partial class HostBackend
{
    /// <inheritdoc/>
    public Tensor RmsNorm(Tensor x, Weight scale, float epsilon)
    {
        int width = OpRules.NormWidth("RmsNorm", x, scale);
        Tensor y = Empty(x.Shape);
        using Tensor plain = Widened(scale);
        RmsNormCore(Pointer("RmsNorm", x), OpRules.RowsOf(x.Shape), width, Pointer("RmsNorm", plain), epsilon,
            Pointer("RmsNorm", y));
        return y;
    }

    /// <inheritdoc/>
    public Tensor RmsNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale)
    {
        const string Op = "RmsNormBackward";
        int width = OpRules.NormWidth(Op, x, scale);
        OpRules.Same(Op, ("x", x), ("dy", dy));
        OpRules.Gradient(Op, dScale, width, "dScale");
        Tensor dx = Empty(x.Shape);
        using Tensor plain = Widened(scale);
        RmsNormBackwardCore(Pointer(Op, x), OpRules.RowsOf(x.Shape), width, Pointer(Op, plain), epsilon,
            Pointer(Op, dy),
            Pointer(Op, dx), dScale is null ? null : Pointer(Op, dScale));
        return dx;
    }

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight scale, Weight shift, float epsilon)
    {
        const string Op = "LayerNorm";
        int width = OpRules.NormWidth(Op, x, scale);
        OpRules.Vector(Op, shift, width, "shift", "width");
        Tensor y = Empty(x.Shape);
        using Tensor plainScale = Widened(scale);
        using Tensor plainShift = Widened(shift);
        LayerNormCore(Pointer(Op, x), OpRules.RowsOf(x.Shape), width, Pointer(Op, plainScale),
            Pointer(Op, plainShift), epsilon,
            Pointer(Op, y));
        return y;
    }

    /// <inheritdoc/>
    public Tensor LayerNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale, Tensor? dShift)
    {
        const string Op = "LayerNormBackward";
        int width = OpRules.NormWidth(Op, x, scale);
        OpRules.Same(Op, ("x", x), ("dy", dy));
        OpRules.Gradient(Op, dScale, width, "dScale");
        OpRules.Gradient(Op, dShift, width, "dShift");
        Tensor dx = Empty(x.Shape);
        using Tensor plain = Widened(scale);
        LayerNormBackwardCore(Pointer(Op, x), OpRules.RowsOf(x.Shape), width, Pointer(Op, plain), epsilon,
            Pointer(Op, dy),
            Pointer(Op, dx), dScale is null ? null : Pointer(Op, dScale), dShift is null ? null : Pointer(Op, dShift));
        return dx;
    }

    /// <inheritdoc/>
    public Tensor ChannelNorm(Tensor x, Weight scale, Weight shift, float epsilon)
    {
        const string Op = "ChannelNorm";
        OpRules.Channels(Op, x, scale);
        OpRules.Vector(Op, shift, x.Shape[1], "shift", "channels");
        Tensor y = Empty(x.Shape);
        using Tensor plainScale = Widened(scale);
        using Tensor plainShift = Widened(shift);
        ChannelNormCore(Pointer(Op, x), x.Shape[0], x.Shape[1], x.Shape[2] * x.Shape[3], Pointer(Op, plainScale),
            Pointer(Op, plainShift), epsilon, Pointer(Op, y));
        return y;
    }

    /// <inheritdoc/>
    public Tensor ChannelNormBackward(Tensor x, Weight scale, float epsilon, Tensor dy, Tensor? dScale, Tensor? dShift)
    {
        const string Op = "ChannelNormBackward";
        OpRules.Channels(Op, x, scale);
        OpRules.Same(Op, ("x", x), ("dy", dy));
        OpRules.Gradient(Op, dScale, x.Shape[1], "dScale");
        OpRules.Gradient(Op, dShift, x.Shape[1], "dShift");

        Tensor dx = Empty(x.Shape);
        using Tensor plain = Widened(scale);
        ChannelNormBackwardCore(Pointer(Op, x), x.Shape[0], x.Shape[1], x.Shape[2] * x.Shape[3], Pointer(Op, plain),
            epsilon, Pointer(Op, dy), Pointer(Op, dx), dScale is null ? null : Pointer(Op, dScale),
            dShift is null ? null : Pointer(Op, dShift));
        return dx;
    }

    /// <inheritdoc/>
    public Tensor Softmax(Tensor x)
    {
        Tensor y = Empty(x.Shape);
        if (x.Count > 0)
        {
            SoftmaxCore(Pointer("Softmax", x), OpRules.RowsOf(x.Shape), x.Rank == 0 ? 1 : x.Shape[-1],
                Pointer("Softmax", y));
        }

        return y;
    }

    /// <inheritdoc/>
    public Tensor SoftmaxBackward(Tensor y, Tensor dy)
    {
        OpRules.Same("SoftmaxBackward", ("y", y), ("dy", dy));
        Tensor dx = Empty(y.Shape);
        if (y.Count > 0)
        {
            SoftmaxBackwardCore(Pointer("SoftmaxBackward", y), Pointer("SoftmaxBackward", dy), OpRules.RowsOf(y.Shape),
                y.Rank == 0 ? 1 : y.Shape[-1], Pointer("SoftmaxBackward", dx));
        }

        return dx;
    }

    /// <summary>Formula of <see cref="IBackend.RmsNorm"/>. Shapes: x and y [rows, width], scale [width].</summary>
    protected abstract void RmsNormCore(float* x, int rows, int width, float* scale, float epsilon, float* y);

    /// <summary>Gradients of <see cref="RmsNormCore"/>; dScale (added to) may be null.</summary>
    protected abstract void RmsNormBackwardCore(float* x, int rows, int width, float* scale, float epsilon, float* dy,
        float* dx, float* dScale);

    /// <summary>
    /// Formula of <see cref="IBackend.LayerNorm"/>. Shapes: x and y [rows, width], scale and shift [width].
    /// </summary>
    protected abstract void LayerNormCore(float* x, int rows, int width, float* scale, float* shift, float epsilon,
        float* y);

    /// <summary>Gradients of <see cref="LayerNormCore"/>; dScale and dShift (added to) may be null.</summary>
    protected abstract void LayerNormBackwardCore(float* x, int rows, int width, float* scale, float epsilon, float* dy,
        float* dx, float* dScale, float* dShift);

    /// <summary>Formula of <see cref="IBackend.ChannelNorm"/>. Shapes: x and y [batch, channels, pixels].</summary>
    protected abstract void ChannelNormCore(float* x, int batch, int channels, int pixels, float* scale, float* shift,
        float epsilon, float* y);

    /// <summary>Gradients of <see cref="ChannelNormCore"/>; dScale and dShift (added to) may be null.</summary>
    protected abstract void ChannelNormBackwardCore(float* x, int batch, int channels, int pixels, float* scale,
        float epsilon, float* dy, float* dx, float* dScale, float* dShift);

    /// <summary>Softmax of each row. Shapes: x and y [rows, width].</summary>
    protected abstract void SoftmaxCore(float* x, int rows, int width, float* y);

    /// <summary>dx = y * (dy - sum(y * dy)) of each row.</summary>
    protected abstract void SoftmaxBackwardCore(float* y, float* dy, int rows, int width, float* dx);
}
