namespace PixSearch.Tensors;

internal abstract unsafe partial class KernelSet
{
    /// <summary>y = op(x).</summary>
    public abstract void Unary(WorkerPool pool, float* x, int count, UnaryOp op, float* y);

    /// <summary>dx = op'(x) dy.</summary>
    public abstract void UnaryBackward(WorkerPool pool, float* x, float* y, float* dy, int count, UnaryOp op,
        float* dx);

    /// <summary>y = scale * x + shift.</summary>
    public abstract void Affine(WorkerPool pool, float* x, int count, float scale, float shift, float* y);

    /// <summary>y = op(a, b), equal shapes.</summary>
    public abstract void Binary(WorkerPool pool, BinaryOp op, float* a, float* b, int count, float* y);

    /// <summary>y = op(a, b) with broadcasting.</summary>
    public abstract void Broadcast(WorkerPool pool, BinaryOp op, float* a, float* b, StridedPlan plan, float* y);

    /// <summary>y = silu(gate) * up.</summary>
    public abstract void SwiGlu(WorkerPool pool, float* gate, float* up, int count, float* y);

    /// <summary>Gradients of SwiGlu.</summary>
    public abstract void SwiGluBackward(WorkerPool pool, float* gate, float* up, float* dy, int count, float* dGate,
        float* dUp);

    /// <summary>Rows of a matrix written, or added, to rows of another one.</summary>
    public abstract void CopyRows(WorkerPool pool, float* from, int fromStride, float* to, int toStride, int rows,
        int width, bool adds);

    /// <summary>Copy into another order of dimensions.</summary>
    public abstract void Permute(WorkerPool pool, float* x, StridedPlan plan, float* y);

    /// <summary>Sum of a row.</summary>
    public abstract float Sum(float* x, int count);

    /// <summary>y += column sums of x [rows, columns].</summary>
    public abstract void ColumnSums(CpuContext context, float* x, int rows, int columns, float* y);

    /// <summary>y += sums of each channel of x [batch, channels, pixels].</summary>
    public abstract void ChannelSums(WorkerPool pool, float* x, int batch, int channels, int pixels, float* y);
}

internal sealed unsafe partial class KernelSet<S, V>
{
    /// <inheritdoc/>
    public override void Unary(WorkerPool pool, float* x, int count, UnaryOp op, float* y)
    {
        switch (op)
        {
            case UnaryOp.Relu:
                Map(pool, default(ReluOp<S, V>), x, count, y);
                break;
            case UnaryOp.Gelu:
                Map(pool, default(GeluOp<S, V>), x, count, y);
                break;
            case UnaryOp.QuickGelu:
                Map(pool, default(QuickGeluOp<S, V>), x, count, y);
                break;
            case UnaryOp.Silu:
                Map(pool, default(SiluOp<S, V>), x, count, y);
                break;
            case UnaryOp.Sigmoid:
                Map(pool, default(SigmoidOp<S, V>), x, count, y);
                break;
            case UnaryOp.Tanh:
                Map(pool, default(TanhOp<S, V>), x, count, y);
                break;
            case UnaryOp.Exp:
                Map(pool, default(ExpOp<S, V>), x, count, y);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(op), op, "Unknown element-wise function.");
        }
    }

    /// <inheritdoc/>
    public override void UnaryBackward(WorkerPool pool, float* x, float* y, float* dy, int count, UnaryOp op, float* dx)
    {
        switch (op)
        {
            case UnaryOp.Relu:
                Pointwise.Run<S, V, ReluBackwardOp<S, V>>(pool, default, x, y, dy, count, dx, null);
                break;
            case UnaryOp.Gelu:
                Pointwise.Run<S, V, GeluBackwardOp<S, V>>(pool, default, x, y, dy, count, dx, null);
                break;
            case UnaryOp.QuickGelu:
            case UnaryOp.Silu:
                float slope = op == UnaryOp.Silu ? 1 : (float)ScalarMath.QuickGeluSlope;
                var silu = new SiluBackwardOp<S, V> { Slope = slope };
                Pointwise.Run<S, V, SiluBackwardOp<S, V>>(pool, silu, x, y, dy, count, dx, null);
                break;
            case UnaryOp.Sigmoid:
                Pointwise.Run<S, V, SigmoidBackwardOp<S, V>>(pool, default, x, y, dy, count, dx, null);
                break;
            case UnaryOp.Tanh:
                Pointwise.Run<S, V, TanhBackwardOp<S, V>>(pool, default, x, y, dy, count, dx, null);
                break;
            case UnaryOp.Exp:
                Pointwise.Run<S, V, ExpBackwardOp<S, V>>(pool, default, x, y, dy, count, dx, null);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(op), op, "Unknown element-wise function.");
        }
    }

    /// <inheritdoc/>
    public override void Affine(WorkerPool pool, float* x, int count, float scale, float shift, float* y) =>
        Map(pool, new AffineOp<S, V> { Scale = scale, Shift = shift }, x, count, y);

    /// <inheritdoc/>
    public override void Binary(WorkerPool pool, BinaryOp op, float* a, float* b, int count, float* y)
    {
        switch (op)
        {
            case BinaryOp.Add:
                Pointwise.Run<S, V, AddOp<S, V>>(pool, default, a, b, null, count, y, null);
                break;
            case BinaryOp.Subtract:
                Pointwise.Run<S, V, SubtractOp<S, V>>(pool, default, a, b, null, count, y, null);
                break;
            default:
                Pointwise.Run<S, V, MultiplyOp<S, V>>(pool, default, a, b, null, count, y, null);
                break;
        }
    }

    /// <inheritdoc/>
    public override void Broadcast(WorkerPool pool, BinaryOp op, float* a, float* b, StridedPlan plan, float* y)
    {
        switch (op)
        {
            case BinaryOp.Add:
                Broadcasting.Run<S, V, AddOp<S, V>>(pool, a, b, plan, y);
                break;
            case BinaryOp.Subtract:
                Broadcasting.Run<S, V, SubtractOp<S, V>>(pool, a, b, plan, y);
                break;
            default:
                Broadcasting.Run<S, V, MultiplyOp<S, V>>(pool, a, b, plan, y);
                break;
        }
    }

    /// <inheritdoc/>
    public override void SwiGlu(WorkerPool pool, float* gate, float* up, int count, float* y) =>
        Pointwise.Run<S, V, SwiGluOp<S, V>>(pool, default, gate, up, null, count, y, null);

    /// <inheritdoc/>
    public override void SwiGluBackward(WorkerPool pool, float* gate, float* up, float* dy, int count, float* dGate,
        float* dUp) =>
        Pointwise.Run<S, V, SwiGluBackwardOp<S, V>>(pool, default, gate, up, dy, count, dGate, dUp);

    /// <inheritdoc/>
    public override void CopyRows(WorkerPool pool, float* from, int fromStride, float* to, int toStride, int rows,
        int width, bool adds) => CopyRowsJob<S, V>.RunAll(pool, new CopyRowsJob<S, V>
        {
            From = from,
            FromStride = fromStride,
            To = to,
            ToStride = toStride,
            Rows = rows,
            Width = width,
            Adds = adds,
        });

    /// <inheritdoc/>
    public override void Permute(WorkerPool pool, float* x, StridedPlan plan, float* y) =>
        Permuting.Run<S, V>(pool, x, plan, y);

    /// <inheritdoc/>
    public override float Sum(float* x, int count) => Reducing.Sum<S, V>(x, count);

    /// <inheritdoc/>
    public override void ColumnSums(CpuContext context, float* x, int rows, int columns, float* y) =>
        Reducing.ColumnSums<S, V>(context, x, rows, columns, y);

    /// <inheritdoc/>
    public override void ChannelSums(WorkerPool pool, float* x, int batch, int channels, int pixels, float* y) =>
        Reducing.ChannelSums<S, V>(pool, x, batch, channels, pixels, y);

    private static void Map<TOp>(WorkerPool pool, TOp op, float* x, int count, float* y)
        where TOp : unmanaged, IPointwise<V> => Pointwise.Run<S, V, TOp>(pool, op, x, null, null, count, y, null);
}
