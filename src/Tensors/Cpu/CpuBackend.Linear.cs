namespace PixSearch.Tensors;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    protected override void LinearCore(float* x, int rows, Weight weight, float* bias, float* y)
    {
        var shape = new GemmShape(rows, weight.Shape[0], weight.Shape[1]);
        _kernels.GemmPacked(_context, shape, new GemmOperand(x, shape.K, false), PackedOf(weight).Panels, bias, y, shape.N);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(float* dy, int rows, Weight weight, float* dx)
    {
        using Tensor plain = Use(weight);
        var shape = new GemmShape(rows, weight.Shape[1], weight.Shape[0]);
        _kernels.Gemm(_context, shape, new GemmOperand(dy, shape.K, false),
            new GemmOperand(Pointer("LinearBackwardInput", plain), shape.N, false), dx, shape.N, false);
    }

    /// <inheritdoc/>
    private protected override void GemmCore(GemmShape shape, GemmOperand a, GemmOperand b, float* c, int ldc, bool accumulate) =>
        _kernels.Gemm(_context, shape, a, b, c, ldc, accumulate);

    private PackedWeight PackedOf(Weight weight)
    {
        if (weight.Packed is PackedWeight packed && packed.Kernels == _kernels && weight.PackedVersion == weight.Version)
        {
            return packed;
        }

        using Tensor plain = Use(weight);
        (int output, int input) = (weight.Shape[0], weight.Shape[1]);
        NativeStorage storage = Memory.Rent(_kernels.PackedCount(output, input));
        _kernels.Pack(_context, new GemmOperand(Pointer("Linear", plain), input, true), output, input, storage.Pointer);
        weight.Packed?.Dispose();
        packed = new PackedWeight(_kernels, storage);
        weight.Packed = packed;
        weight.PackedVersion = weight.Version;
        return packed;
    }
}
