using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// LayerNorm over channels of [batch, channels, pixels]: a vector holds neighbouring pixels, so nothing is summed
/// across.
/// </summary>
internal unsafe struct ChannelNormJob<S, V> : IJob
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public float* X;
    public float* Scale;
    public float* Shift;
    public float* Y;
    public float Epsilon;
    public int Channels;
    public int Pixels;

    /// <inheritdoc/>
    public readonly void Run(int index, int thread)
    {
        long at = (long)index * Channels * Pixels;
        int i = 0;
        for (; i + S.Width <= Pixels; i += S.Width)
        {
            Block(X + at + i, Pixels, Y + at + i, Pixels);
        }

        if (i < Pixels)
        {
            Rest(X + at + i, Y + at + i, Pixels - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Block(float* x, int ldx, float* y, int ldy)
    {
        V sum = S.Zero;
        for (int c = 0; c < Channels; c++)
        {
            sum = S.Add(sum, S.Load(x + ((long)c * ldx)));
        }

        V share = S.Splat(1f / Channels);
        V mean = S.Multiply(sum, share);
        V squares = S.Zero;
        for (int c = 0; c < Channels; c++)
        {
            V centred = S.Subtract(S.Load(x + ((long)c * ldx)), mean);
            squares = S.Fma(centred, centred, squares);
        }

        V inverse = S.InverseSqrt(S.Fma(squares, share, S.Splat(Epsilon)));
        for (int c = 0; c < Channels; c++)
        {
            V normal = S.Multiply(S.Subtract(S.Load(x + ((long)c * ldx)), mean), inverse);
            S.Store(y + ((long)c * ldy), S.Fma(normal, S.Splat(Scale[c]), S.Splat(Shift[c])));
        }
    }

    // Fewer pixels than lanes: through a buffer of full vectors.
    private readonly void Rest(float* x, float* y, int count)
    {
        float[] buffer = new float[Channels * S.Width];
        fixed (float* p = buffer)
        {
            for (int c = 0; c < Channels; c++)
            {
                new ReadOnlySpan<float>(x + ((long)c * Pixels),
                    count).CopyTo(new Span<float>(p + (c * S.Width), count));
            }

            Block(p, S.Width, p, S.Width);
            for (int c = 0; c < Channels; c++)
            {
                new ReadOnlySpan<float>(p + (c * S.Width),
                    count).CopyTo(new Span<float>(y + ((long)c * Pixels), count));
            }
        }
    }
}
