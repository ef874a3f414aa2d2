namespace PixSearch.Tensors;

internal abstract unsafe partial class KernelSet
{
    /// <summary>c = a b or c += a b.</summary>
    public abstract void Gemm(CpuContext context, GemmShape shape, GemmOperand a, GemmOperand b, float* c, int ldc,
        bool accumulate);

    /// <summary>c = a b for many products of one shape, each on one thread.</summary>
    public abstract void GemmBatch(CpuContext context, int batch, GemmShape shape, GemmOperand a, long stepA,
        GemmOperand b, long stepB, float* c);

    /// <summary>y = x W^T + bias with a packed weight.</summary>
    public abstract void Linear(CpuContext context, GemmShape shape, float* x, PackedWeight weight, float* bias,
        float* y);

    /// <summary>Bytes of a packed weight [out, in].</summary>
    public abstract long PackedBytes(WeightType type, int output, int input);

    /// <summary>Packs a plain weight [out, in].</summary>
    public abstract void Pack(CpuContext context, WeightType type, float* weight, int output, int input, byte* packed);

    /// <summary>Packs the transpose of a plain weight [out, in] as F32.</summary>
    public abstract void PackTurned(CpuContext context, float* weight, int output, int input, float* packed);

    /// <summary>One row of a packed weight [out, in] as F32.</summary>
    public abstract void WidenRow(PackedWeight weight, int row, int input, float* y);
}

internal sealed unsafe partial class KernelSet<S, V>
{
    // Whether BF16 panels hold pairs of rows.
    private bool PairsBF16 => dots is { HasBF16: true };

    /// <inheritdoc/>
    public override void Gemm(CpuContext context, GemmShape shape, GemmOperand a, GemmOperand b, float* c, int ldc,
        bool accumulate) => Tensors.Gemm.Run<S, V>(context, shape, a, b, c, ldc, accumulate);

    /// <inheritdoc/>
    public override void GemmBatch(CpuContext context, int batch, GemmShape shape, GemmOperand a, long stepA,
        GemmOperand b, long stepB, float* c) => GemmBatchJob<S, V>.RunAll(
        context,
        new GemmBatchJob<S, V>
        {
            Batch = batch,
            Shape = shape,
            A = a,
            StepA = stepA,
            B = b,
            StepB = stepB,
            C = c,
        });

    /// <inheritdoc/>
    public override void Linear(CpuContext context, GemmShape shape, float* x, PackedWeight weight, float* bias,
        float* y)
    {
        var a = new GemmOperand(x, shape.K, false);
        switch (weight.Type)
        {
            case WeightType.F32:
                Tensors.Gemm.RunPacked<S, V, PanelsF32<S, V>>(context, shape, a, weight.Panels, bias, y, shape.N,
                    false);
                break;
            case WeightType.BF16 when PairsBF16:
                TileJob<S, V, BF16Dots>.RunAll(context, shape, x, weight.Panels, bias, y);
                break;
            case WeightType.BF16:
                Tensors.Gemm.RunPacked<S, V, PanelsBF16<S, V>>(context, shape, a, weight.Panels, bias, y, shape.N,
                    false);
                break;
            case WeightType.Q8 when dots is not null:
                TileJob<S, V, QuantisedDots<S, V>>.RunAll(context, shape, x, weight.Panels, bias, y);
                break;
            default:
                TileJob<S, V, QuantisedProduct<S, V>>.RunAll(context, shape, x, weight.Panels, bias, y);
                break;
        }
    }

    /// <inheritdoc/>
    public override long PackedBytes(WeightType type, int output, int input) =>
        Tensors.Gemm.Panels<S, V>(output) * (type switch
    {
        WeightType.F32 => (long)input * PanelsF32<S, V>.RowBytes,
        WeightType.BF16 => PairsBF16 ? BF16Dots.PanelBytes(input) : (long)input * PanelsBF16<S, V>.RowBytes,
        _ => QuantisedPanels<S, V>.PanelBytes(input),
    });

    /// <inheritdoc/>
    public override void Pack(CpuContext context, WeightType type, float* weight, int output, int input, byte* packed)
    {
        switch (type)
        {
            case WeightType.F32:
                Tensors.Gemm.Pack<S, V>(context.Pool, new GemmOperand(weight, input, true), output, input,
                    (float*)packed);
                break;
            case WeightType.BF16 when PairsBF16:
                BF16Dots.Pack(weight, output, input, packed);
                break;
            case WeightType.BF16:
                WeightPacking<S, V>.PackBF16(weight, output, input, packed);
                break;
            default:
                QuantisedPanels<S, V>.Pack(weight, output, input, packed);
                break;
        }
    }

    /// <inheritdoc/>
    public override void PackTurned(CpuContext context, float* weight, int output, int input, float* packed) =>
        Tensors.Gemm.Pack<S, V>(context.Pool, new GemmOperand(weight, input, false), input, output, packed);

    /// <inheritdoc/>
    public override void WidenRow(PackedWeight weight, int row, int input, float* y)
    {
        if (weight.Type != WeightType.BF16 || !PairsBF16)
        {
            WeightPacking<S, V>.WidenRow(weight, row, input, y);
            return;
        }

        for (int k = 0; k < input; k++)
        {
            y[k] = BF16Dots.At(weight.Panels, input, row, k);
        }
    }
}
