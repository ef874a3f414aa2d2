namespace PixSearch.Tensors;

/// <summary>Gradient of some taps of all filters of a group, over the pixels of all pictures in order.</summary>
internal unsafe struct ConvWeightJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public ConvPatches<S, V> Patches;

    /// <summary>Gradients of the result (<see cref="LeftSide{S, V}.PackPlanes"/>).</summary>
    public float* Left;

    /// <summary>Added to. Shape: [Outputs, Taps].</summary>
    public float* Gradient;

    public int Outputs;
    public int Taps;

    /// <summary>Output pixels of all pictures.</summary>
    public int Pixels;

    public int Slice;
    public int PanelsEach;

    /// <summary>Shape: [threads][ScratchEach].</summary>
    public float* Scratch;

    public int ScratchEach;

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        int width = 2 * S.Width;
        int first = index * PanelsEach * width;
        int end = Math.Min(first + (PanelsEach * width), Taps);
        float* panel = Scratch + ((long)thread * ScratchEach);
        for (; first < end; first += width)
        {
            int count = Math.Min(width, end - first);
            float* c = Gradient + first;
            for (int k0 = 0; k0 < Pixels; k0 += Slice)
            {
                int k = Math.Min(Slice, Pixels - k0);
                Pack(k0, k, first, count, panel);
                PanelProduct<S, V, PanelsF32<S, V>>.Run(LeftSide<S, V>.At(Left, Outputs, k0), Outputs, (byte*)panel, k,
                    c, Taps, count, c, Taps, null);
            }
        }
    }

    // A slice may begin in one picture and end in another.
    private readonly void Pack(int k0, int k, int tap, int taps, float* panel)
    {
        for (int at = k0; at < k0 + k;)
        {
            int within = at % Patches.Pixels;
            int length = Math.Min(k0 + k - at, Patches.Pixels - within);
            Patches.PackTaps(at / Patches.Pixels, within, length, tap, taps,
                panel + ((long)(at - k0) * 2 * S.Width));
            at += length;
        }
    }
}
