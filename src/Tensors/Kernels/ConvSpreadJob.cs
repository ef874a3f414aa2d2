namespace PixSearch.Tensors;

/// <summary>
/// Some output pixels of a convolution, spread back over its input: the gradient of the input, and the transposed
/// convolution.
/// </summary>
internal unsafe struct ConvSpreadJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public ConvShape Shape;

    /// <summary>The filters transposed (<see cref="LeftSide{S, V}"/>).</summary>
    public float* Left;

    /// <summary>Shape: [GroupIn]; null for none.</summary>
    public float* Bias;

    /// <summary>First plane of the group.</summary>
    public float* Y;

    /// <summary>First plane of the group.</summary>
    public float* X;

    public int Slice;
    public int PanelsEach;

    /// <summary>Tasks of a picture.</summary>
    public int TasksEach;

    /// <summary>Shape: [threads][ScratchEach].</summary>
    public float* Scratch;

    public int ScratchEach;

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        int width = 2 * S.Width;
        int pixels = Shape.OutHeight * Shape.OutWidth;
        int batch = index / TasksEach;
        int first = index % TasksEach * PanelsEach * width;
        int end = (int)Math.Min((long)first + ((long)PanelsEach * width), pixels);
        float* panel = Scratch + ((long)thread * ScratchEach);
        float* matrix = panel + ((long)Slice * width);
        var y = new GemmOperand(Y + ((long)batch * Shape.OutChannels * pixels), pixels, false);
        float* x = X + ((long)batch * Shape.InChannels * Shape.InHeight * Shape.InWidth);
        for (; first < end; first += width)
        {
            int count = Math.Min(width, end - first);
            Multiply(y, first, count, panel, matrix);
            ConvPatches<S, V>.Fold(Shape, matrix, first, count, x, Shape.GroupIn);
        }
    }

    // matrix [taps][2 * Width] = bias + weight^T y for some pixels; rows up to the next tile are overwritten too.
    private readonly void Multiply(GemmOperand y, int first, int count, float* panel, float* matrix)
    {
        int width = 2 * S.Width;
        int taps = Shape.Taps;
        bool adds = Bias is not null || Shape.GroupOut == 0;
        int tapsEach = Shape.KernelHeight * Shape.KernelWidth * width;
        for (int c = 0; adds && c < Shape.GroupIn; c++)
        {
            new Span<float>(matrix + ((long)c * tapsEach), tapsEach).Fill(Bias is null ? 0 : Bias[c]);
        }

        for (int k0 = 0; k0 < Shape.GroupOut; k0 += Slice)
        {
            int k = Math.Min(Slice, Shape.GroupOut - k0);
            Packing.Columns(y, first, count, k0, k, width, panel);
            float* left = LeftSide<S, V>.At(Left, taps, k0);
            PanelProduct<S, V, PanelsF32<S, V>>.Run(left, taps, (byte*)panel, k, matrix, width, width,
                adds ? matrix : null, width, null);
            adds = true;
        }
    }
}
