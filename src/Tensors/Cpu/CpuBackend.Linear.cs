namespace PixSearch.Tensors;

public sealed unsafe partial class CpuBackend
{
    // Multiply-adds: some 50 us of one thread.
    private const long LargeProduct = 5_000_000;

    /// <inheritdoc/>
    public override void Prepare(Weight weight, WeightType type)
    {
        if (weight.Shape.Rank != 2 || weight.Plain is null)
        {
            return;
        }

        Pack(weight, type);
        weight.DropPlain(type);
    }

    /// <inheritdoc/>
    protected override void LinearCore(float* x, int rows, Weight weight, float* bias, float* y)
    {
        var shape = new GemmShape(rows, weight.Shape[0], weight.Shape[1]);
        _kernels.Linear(_context, shape, x, PackedOf(weight), bias, y);
    }

    /// <inheritdoc/>
    protected override void LinearBackwardInputCore(float* dy, int rows, Weight weight, float* dx)
    {
        var shape = new GemmShape(rows, weight.Shape[1], weight.Shape[0]);
        if (weight.Plain is not null)
        {
            // Training asks for many gradients between two changes of the weight: packed once for all of them.
            PackedWeight packed = PackedOf(weight);
            packed.Turned ??= PackTurned(weight);
            _kernels.Linear(_context, shape, dy, packed.Turned, null, dx);
            return;
        }

        using Tensor plain = Use(weight);
        _kernels.Gemm(_context, shape, new GemmOperand(dy, shape.K, false),
            new GemmOperand(Pointer("LinearBackwardInput", plain), shape.N, false), dx, shape.N, false);
    }

    /// <inheritdoc/>
    private protected override void GemmCore(GemmShape shape, GemmOperand a, GemmOperand b, float* c, int ldc,
        bool accumulate) =>
        _kernels.Gemm(_context, shape, a, b, c, ldc, accumulate);

    /// <inheritdoc/>
    private protected override void BatchedGemmCore(int batch, GemmShape shape, GemmOperand a, long stepA,
        GemmOperand b, long stepB, float* c)
    {
        // Large products are cut into tasks themselves; of small ones each is a task.
        if (batch == 1 || (long)shape.M * shape.N * shape.K > LargeProduct)
        {
            base.BatchedGemmCore(batch, shape, a, stepA, b, stepB, c);
            return;
        }

        _kernels.GemmBatch(_context, batch, shape, a, stepA, b, stepB, c);
    }

    /// <inheritdoc/>
    protected override void WidenCore(Weight weight, float* y)
    {
        PackedWeight packed = PackedOf(weight);
        for (int row = 0; row < weight.Shape[0]; row++)
        {
            _kernels.WidenRow(packed, row, weight.Shape[1], y + ((long)row * weight.Shape[1]));
        }
    }

    /// <inheritdoc/>
    protected override void WidenRowsCore(Weight table, ReadOnlySpan<int> indices, float* y)
    {
        PackedWeight packed = PackedOf(table);
        int width = table.Shape[1];
        for (int i = 0; i < indices.Length; i++, y += width)
        {
            if (indices[i] < 0)
            {
                new Span<float>(y, width).Clear();
            }
            else
            {
                _kernels.WidenRow(packed, indices[i], width, y);
            }
        }
    }

    // The packed form, made again when training changed the plain one.
    private PackedWeight PackedOf(Weight weight)
    {
        if (weight.Packed is PackedWeight packed && packed.Kernels == _kernels
            && (weight.PackedVersion == weight.Version || weight.Plain is null))
        {
            return packed;
        }

        if (weight.Plain is null)
        {
            throw new InvalidOperationException(
                $"Weight {weight} was packed by another backend and its plain form was dropped.");
        }

        return Pack(weight, WeightType.F32);
    }

    private PackedWeight PackTurned(Weight weight)
    {
        (int output, int input) = (weight.Shape[0], weight.Shape[1]);
        float* plain = Pointer("LinearBackwardInput", weight.Plain!);
        NativeStorage storage = Memory.Rent(_kernels.PackedBytes(WeightType.F32, input, output) / sizeof(float));
        _kernels.PackTurned(_context, plain, output, input, storage.Pointer);
        return new PackedWeight(_kernels, WeightType.F32, storage);
    }

    private PackedWeight Pack(Weight weight, WeightType type)
    {
        (int output, int input) = (weight.Shape[0], weight.Shape[1]);
        float* plain = Pointer("Linear", weight.Plain!);
        NativeStorage storage = Memory.Rent((_kernels.PackedBytes(type, output, input) + 3) / sizeof(float));
        _kernels.Pack(_context, type, plain, output, input, (byte*)storage.Pointer);
        weight.Packed?.Dispose();
        var packed = new PackedWeight(_kernels, type, storage);
        weight.Packed = packed;
        weight.PackedVersion = weight.Version;
        return packed;
    }
}
