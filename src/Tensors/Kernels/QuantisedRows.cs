using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    /// <summary>
    /// Packs a row into a tile, whose shape is: [block], each [height] scales and then [pair][height].
    /// </summary>
    /// <param name="x">The row.</param>
    /// <param name="k">Its length.</param>
    /// <param name="to">Its first place; the next is <paramref name="height"/> floats on.</param>
    /// <param name="height">Rows of the tile.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Pack(float* x, int k, float* to, int height)
    {
        float* rest = stackalloc float[Block];
        float* scaled = stackalloc float[Block];
        int* pairs = stackalloc int[Pairs];
        for (; k > 0; k -= Block, x += Block, to += (1 + Pairs) * height)
        {
            float* from = x;
            if (k < Block)
            {
                new ReadOnlySpan<float>(x, k).CopyTo(new Span<float>(rest, Block));
                new Span<float>(rest + k, Block - k).Clear();
                from = rest;
            }

            // A number that is not finite makes the scale, and so the whole result, not-a-number.
            V most = S.Zero;
            V poison = S.Zero;
            for (int i = 0; i < Block; i += S.Width)
            {
                V part = S.Load(from + i);
                most = S.Max(S.Max(part, S.Subtract(S.Zero, part)), most);
                poison = S.Fma(part, S.Zero, poison);
            }

            float largest = S.Largest(most);
            *to = (largest / Largest) + S.Sum(poison);
            V inverse = S.Splat(largest == 0 ? 0 : Largest / largest);
            for (int i = 0; i < Block; i += S.Width)
            {
                S.Store(scaled + i, S.Round(S.Multiply(S.Load(from + i), inverse)));
            }

            for (int i = 0; i < Block; i += Vector256<float>.Count)
            {
                PairsOf(Vector256.Load(scaled + i)).Store(pairs + (i / 2));
            }

            for (int i = 0; i < Pairs; i++)
            {
                ((int*)to)[(1 + i) * height] = pairs[i];
            }
        }
    }

    // Whole numbers of 16 bits, each two of them the halves of a word.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> PairsOf(Vector256<float> whole)
    {
        Vector256<ulong> words = Vector256.ConvertToInt32Native(whole).AsUInt64();
        Vector256<ulong> pairs = (words & Vector256.Create(0xFFFFul))
            | ((words >> 16) & Vector256.Create(0xFFFF0000ul));
        return Vector256.Narrow(pairs, Vector256<ulong>.Zero).GetLower().AsInt32();
    }
}
