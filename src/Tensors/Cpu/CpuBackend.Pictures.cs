namespace PixSearch.Tensors;

/// <summary>Convolutions as products of matrices over unfolded pictures (see <see cref="Unfolding"/>).</summary>
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    private protected override void Conv2dCore(in ConvShape shape, float* x, float* weight, float* bias, float* y)
    {
        if (shape.GroupIn == 1 && shape.GroupOut == 1)
        {
            _kernels.Depthwise(_context.Pool, shape, x, weight, bias, y);
            return;
        }

        (int taps, int columns) = MatrixSize(shape);
        using Scratch matrix = new(Memory, (long)taps * columns);
        using Scratch result = new(Memory, (long)shape.GroupOut * columns);
        for (int group = 0; group < shape.Groups; group++)
        {
            Unfolding.Unfold(_context.Pool, shape, group, x, matrix.Pointer);
            _kernels.Gemm(_context, new GemmShape(shape.GroupOut, columns, taps),
                new GemmOperand(weight + ((long)group * shape.GroupOut * taps), taps, false),
                new GemmOperand(matrix.Pointer, columns, false), result.Pointer, columns, false);
            Unfolding.Regroup(_context.Pool, shape, group, y, result.Pointer, bias, gathers: false);
        }
    }

    /// <inheritdoc/>
    private protected override void Conv2dBackwardCore(in ConvShape shape, float* x, float* weight, float* dy,
        float* dx, float* dWeight)
    {
        SpreadOver(shape, dy, weight, dx);
        if (dWeight is not null)
        {
            Conv2dWeightGradientCore(shape, x, dy, dWeight);
        }
    }

    /// <inheritdoc/>
    private protected override void Conv2dWeightGradientCore(in ConvShape shape, float* x, float* dy, float* dWeight)
    {
        (int taps, int columns) = MatrixSize(shape);
        using Scratch matrix = new(Memory, (long)taps * columns);
        using Scratch gradient = new(Memory, (long)shape.GroupOut * columns);
        for (int group = 0; group < shape.Groups; group++)
        {
            Unfolding.Unfold(_context.Pool, shape, group, x, matrix.Pointer);
            Unfolding.Regroup(_context.Pool, shape, group, dy, gradient.Pointer, null, gathers: true);
            _kernels.Gemm(_context, new GemmShape(shape.GroupOut, taps, columns),
                new GemmOperand(gradient.Pointer, columns, false), new GemmOperand(matrix.Pointer, columns, true),
                dWeight + ((long)group * shape.GroupOut * taps), taps, true);
        }
    }

    /// <inheritdoc/>
    private protected override void ConvTranspose2dCore(in ConvShape shape, float* x, float* weight, float* bias,
        float* y)
    {
        int pixels = shape.InHeight * shape.InWidth;
        for (int plane = 0; plane < shape.Batch * shape.InChannels; plane++)
        {
            new Span<float>(y + ((long)plane * pixels), pixels).Fill(bias is null ? 0 : bias[plane % shape.InChannels]);
        }

        SpreadOver(shape, x, weight, y);
    }

    // x += fold(W^T y): the gradient of a convolution's input, and a transposed convolution.
    private void SpreadOver(in ConvShape shape, float* y, float* weight, float* x)
    {
        (int taps, int columns) = MatrixSize(shape);
        using Scratch gathered = new(Memory, (long)shape.GroupOut * columns);
        using Scratch matrix = new(Memory, (long)taps * columns);
        for (int group = 0; group < shape.Groups; group++)
        {
            Unfolding.Regroup(_context.Pool, shape, group, y, gathered.Pointer, null, gathers: true);
            _kernels.Gemm(_context, new GemmShape(taps, columns, shape.GroupOut),
                new GemmOperand(weight + ((long)group * shape.GroupOut * taps), taps, true),
                new GemmOperand(gathered.Pointer, columns, false), matrix.Pointer, columns, false);
            Unfolding.Fold(_context.Pool, shape, group, matrix.Pointer, x);
        }
    }

    private static (int Taps, int Columns) MatrixSize(in ConvShape shape) =>
        (shape.GroupIn * shape.KernelHeight * shape.KernelWidth, shape.Batch * shape.OutHeight * shape.OutWidth);

    /// <inheritdoc/>
    protected override void ResizeCore(float* x, int planes, int inHeight, int inWidth, int height, int width,
        ResizeMode mode,
        float* y) => _kernels.Resize(_context, x, planes, inHeight, inWidth, height, width, mode, y, false);

    /// <inheritdoc/>
    protected override void ResizeBackwardCore(float* dy, int planes, int inHeight, int inWidth, int height, int width,
        ResizeMode mode, float* dx) =>
        _kernels.Resize(_context, dx, planes, inHeight, inWidth, height, width, mode, dy, true);
}
