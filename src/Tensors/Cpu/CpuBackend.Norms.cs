namespace PixSearch.Tensors;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void RmsNormCore(float* x, int rows, int width, float* scale, float epsilon, float* y) =>
        _kernels.Norm(_context.Pool,
            new NormArguments { X = x, Scale = scale, Y = y, Epsilon = epsilon, Rows = rows, Width = width });

    /// <inheritdoc/>
    protected override void RmsNormBackwardCore(float* x, int rows, int width, float* scale, float epsilon, float* dy,
        float* dx, float* dScale) => _kernels.NormBackward(_context,
        new NormArguments { X = x, Scale = scale, Dy = dy, Y = dx, Epsilon = epsilon, Rows = rows, Width = width },
        dScale, null);

    /// <inheritdoc/>
    protected override void LayerNormCore(float* x, int rows, int width, float* scale, float* shift, float epsilon,
        float* y) =>
        _kernels.Norm(_context.Pool, new NormArguments
        {
            X = x,
            Scale = scale,
            Shift = shift,
            Y = y,
            Epsilon = epsilon,
            Rows = rows,
            Width = width,
            Centred = true,
        });

    /// <inheritdoc/>
    protected override void LayerNormBackwardCore(float* x, int rows, int width, float* scale, float epsilon, float* dy,
        float* dx, float* dScale, float* dShift) => _kernels.NormBackward(
        _context,
        new NormArguments
        {
            X = x,
            Scale = scale,
            Dy = dy,
            Y = dx,
            Epsilon = epsilon,
            Rows = rows,
            Width = width,
            Centred = true,
        },
        dScale,
        dShift);

    /// <inheritdoc/>
    protected override void ChannelNormCore(float* x, int batch, int channels, int pixels, float* scale, float* shift,
        float epsilon, float* y) =>
        _kernels.ChannelNorm(_context, x, batch, channels, pixels, scale, shift, epsilon, y);

    /// <inheritdoc/>
    protected override void ChannelNormBackwardCore(float* x, int batch, int channels, int pixels, float* scale,
        float epsilon, float* dy, float* dx, float* dScale, float* dShift) => _kernels.ChannelNormBackward(_context, x,
        batch, channels, pixels, scale, epsilon, dy, dx, dScale, dShift);

    /// <inheritdoc/>
    protected override void SoftmaxCore(float* x, int rows, int width, float* y) =>
        _kernels.Softmax(_context.Pool, x, rows, width, y);

    /// <inheritdoc/>
    protected override void SoftmaxBackwardCore(float* y, float* dy, int rows, int width, float* dx) =>
        _kernels.SoftmaxBackward(_context.Pool, y, dy, rows, width, dx);

    /// <inheritdoc/>
    protected override void RotateCore(float* x, int tokens, int heads, int size, float* cos, float* sin, int tableRows,
        float* y) =>
        _kernels.Rotate(_context.Pool, x, tokens, heads, size, cos, sin, tableRows, y);
}
