using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Activations as left side of a product with Q8 weights: blocks of 32 with a scale of their own and 16-bit integers,
/// so that what a product loses is what its weights have lost (2^-8 of a block's largest; the activations 2^-16).
/// </summary>
/// <remarks>
/// Sixteen bits cost no more than eight on AVX2: unsigned times signed bytes (vpmaddubsw) saturates unless signs are
/// moved from one side to the other, which is one instruction more a vector, as many as a product of pairs of 16 bits
/// takes for twice the numbers. A sum over a block is at most 32 * 127 * 32767 and cannot overflow.
/// </remarks>
internal static unsafe class QuantisedRows<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <summary>Largest magnitude of an activation's integer.</summary>
    public const int Largest = 32767;

    private const int Block = QuantisedPanels<S, V>.Block;
    private const int Pairs = QuantisedPanels<S, V>.Pairs;

    /// <summary>Floats of a row of k numbers: a scale and 16 pairs a block.</summary>
    public static int Floats(int k) => QuantisedPanels<S, V>.Blocks(k) * (1 + Pairs);

    /// <summary>Packs a row. Shape: [block], each a scale and 16 pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Pack(float* x, int k, float* to)
    {
        float* rest = stackalloc float[Block];
        float* first = to;
        V poison = S.Zero;
        for (; k > 0; k -= Block, x += Block, to += 1 + Pairs)
        {
            float* from = x;
            if (k < Block)
            {
                new ReadOnlySpan<float>(x, k).CopyTo(new Span<float>(rest, Block));
                new Span<float>(rest + k, Block - k).Clear();
                from = rest;
            }

            V most = S.Zero;
            for (int i = 0; i < Block; i += S.Width)
            {
                V part = S.Load(from + i);
                most = S.Max(S.Max(part, S.Subtract(S.Zero, part)), most);
                poison = S.Fma(part, S.Zero, poison);
            }

            float largest = S.Largest(most);
            *to = largest * (1f / Largest);
            V inverse = S.Splat(largest == 0 ? 0 : Largest / largest);
            for (int i = 0; i < Block; i += 2 * S.Width)
            {
                S.StoreShorts((short*)(to + 1) + i, S.Multiply(S.Load(from + i), inverse),
                    S.Multiply(S.Load(from + i + S.Width), inverse));
            }
        }

        // A number that is not finite makes a scale, and so the whole row of the result, not-a-number.
        *first += S.Sum(poison);
    }
}
