using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Activations as left side of a product with Q8 weights: 16-bit integers with one scale a row, so that what a product
/// loses is what its weights have lost.
/// </summary>
/// <remarks>
/// Sixteen bits cost no more than eight on AVX2: unsigned times signed bytes (vpmaddubsw) saturates unless signs are
/// moved from one side to the other, which is one instruction more a vector, as many as a product of pairs of 16 bits
/// takes for twice the numbers. A sum over a block is at most 32 * 127 * 32767 and cannot overflow.
/// One scale a row is enough: a number so large that it makes all others of its row coarse dominates the result, and
/// its weights' rounding (some 0.7 % of a weight) then outweighs the others' (sqrt(k / 12) / 32767 of it, 0.06 % for
/// k = 4096).
/// </remarks>
internal static unsafe class QuantisedRows<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <summary>Largest magnitude of an activation's integer.</summary>
    public const int Largest = 32767;

    private const int Block = QuantisedPanels<S, V>.Block;
    private const int Pairs = QuantisedPanels<S, V>.Pairs;

    /// <summary>Floats of a row of k numbers: 16 pairs a block.</summary>
    public static int Floats(int k) => QuantisedPanels<S, V>.Blocks(k) * Pairs;

    /// <summary>
    /// What the integers of a row are multiples of: its largest magnitude / 32767, or not-a-number if any of its
    /// numbers is not finite.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Scale(float* x, int k)
    {
        V most = S.Zero;
        V poison = S.Zero;
        int i = 0;
        for (; i + S.Width <= k; i += S.Width)
        {
            V part = S.Load(x + i);
            most = S.Max(S.Max(part, S.Subtract(S.Zero, part)), most);
            poison = S.Fma(part, S.Zero, poison);
        }

        float largest = S.Largest(most);
        float sum = S.Sum(poison);
        for (; i < k; i++)
        {
            largest = MathF.Max(largest, MathF.Abs(x[i]));
            sum += x[i] * 0;
        }

        return (largest * (1f / Largest)) + sum;
    }

    /// <summary>Packs a row, or a piece of it in whole blocks. Shape: [block][pair].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Pack(float* x, int k, float scale, float* to)
    {
        float* rest = stackalloc float[Block];
        V inverse = S.Splat(scale == 0 ? 0 : 1 / scale);
        for (; k > 0; k -= Block, x += Block, to += Pairs)
        {
            float* from = x;
            if (k < Block)
            {
                new ReadOnlySpan<float>(x, k).CopyTo(new Span<float>(rest, Block));
                new Span<float>(rest + k, Block - k).Clear();
                from = rest;
            }

            for (int i = 0; i < Block; i += 2 * S.Width)
            {
                S.StoreShorts((short*)to + i, S.Multiply(S.Load(from + i), inverse),
                    S.Multiply(S.Load(from + i + S.Width), inverse));
            }
        }
    }
}
