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

    /// <summary>
    /// Panels that are multiplied before they are folded: planes are then written in long lines, not a few elements
    /// here and there (the planes of a small picture lie 4 KB apart and push each other out of the cache).
    /// </summary>
    public int PanelsTogether;

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
        int stride = PanelsTogether * width;
        for (; first < end; first += stride)
        {
            int count = Math.Min(stride, end - first);
            for (int at = 0; at < count; at += width)
            {
                Multiply(y, first + at, Math.Min(width, count - at), panel, matrix + at, stride);
            }

            ConvPatches<S, V>.Fold(Shape, matrix, stride, first, count, x, Shape.GroupIn);
        }
    }

    // matrix [taps][stride], 2 * Width columns of it, = bias + weight^T y for some pixels; rows up to the next tile are
    // overwritten too.
    private readonly void Multiply(GemmOperand y, int first, int count, float* panel, float* matrix, int stride)
    {
        int width = 2 * S.Width;
        int taps = Shape.Taps;
        bool adds = Bias is not null || Shape.GroupOut == 0;
        int tapsEach = Shape.KernelHeight * Shape.KernelWidth;
        for (int tap = 0; adds && tap < taps; tap++)
        {
            new Span<float>(matrix + ((long)tap * stride), width).Fill(Bias is null ? 0 : Bias[tap / tapsEach]);
        }

        for (int k0 = 0; k0 < Shape.GroupOut; k0 += Slice)
        {
            int k = Math.Min(Slice, Shape.GroupOut - k0);
            Packing.Columns(y, first, count, k0, k, width, panel);
            float* left = LeftSide<S, V>.At(Left, taps, k0);
            PanelProduct<S, V, PanelsF32<S, V>>.Run(left, taps, (byte*)panel, k, matrix, stride, width,
                adds ? matrix : null, stride, null);
            adds = true;
        }
    }
}
