namespace PixSearch.Tensors;

/// <summary>Some output pixels of a picture, all output channels of a group.</summary>
internal unsafe struct ConvForwardJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public ConvPatches<S, V> Patches;

    /// <summary>The filters (<see cref="LeftSide{S, V}"/>).</summary>
    public float* Left;

    /// <summary>Shape: [Outputs]; null for none.</summary>
    public float* Bias;

    /// <summary>First plane of the group.</summary>
    public float* Y;

    public int Outputs;
    public int Taps;
    public int Slice;

    /// <summary>Elements from a picture of y to the next.</summary>
    public long PictureStride;

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
        int pixels = Patches.Pixels;
        int batch = index / TasksEach;
        int first = index % TasksEach * PanelsEach * width;
        int end = (int)Math.Min((long)first + ((long)PanelsEach * width), pixels);
        float* y = Y + (batch * PictureStride);
        float* panel = Scratch + ((long)thread * ScratchEach);
        for (; first < end; first += width)
        {
            Panel(batch, first, Math.Min(width, end - first), y + first, panel);
        }
    }

    private readonly void Panel(int batch, int first, int count, float* y, float* panel)
    {
        int pixels = Patches.Pixels;
        bool adds = Bias is not null || Taps == 0;
        for (int m = 0; adds && m < Outputs; m++)
        {
            new Span<float>(y + ((long)m * pixels), count).Fill(Bias is null ? 0 : Bias[m]);
        }

        for (int k0 = 0; k0 < Taps; k0 += Slice)
        {
            int k = Math.Min(Slice, Taps - k0);
            Patches.PackPixels(batch, first, count, k0, k, panel);
            PanelProduct<S, V, PanelsF32<S, V>>.Run(LeftSide<S, V>.At(Left, Outputs, k0), Outputs, (byte*)panel, k, y,
                pixels, count, adds ? y : null, pixels, null);
            adds = true;
        }
    }
}
