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

    /// <summary>Floats that rows of k numbers take, up to whole tiles: a scale and 16 pairs a block.</summary>
    public static long Count(int rows, int k) =>
        (long)Gemm.RoundUp(rows, S.TileRows) * QuantisedPanels<S, V>.Blocks(k) * (1 + Pairs);

    /// <summary>Where the tile that begins with a row lies.</summary>
    public static float* At(float* packed, int row, int k) =>
        packed + ((long)row * QuantisedPanels<S, V>.Blocks(k) * (1 + Pairs));

    /// <summary>
    /// Packs rows [rows, k] in tiles. Shape of a tile: [block], each [height] scales and then [pair][height].
    /// </summary>
    public static void Pack(WorkerPool pool, float* x, int rows, int k, float* packed) => pool.Run(
        new Job { X = x, Rows = rows, K = k, Packed = packed }, (rows + S.TileRows - 1) / S.TileRows);

    private struct Job : IJob
    {
        public float* X;
        public int Rows;
        public int K;
        public float* Packed;

        public readonly void Run(int index, int thread)
        {
            int first = index * S.TileRows;
            int count = Math.Min(S.TileRows, Rows - first);
            int height = MicroKernel.HeightFor(count);
            int blocks = QuantisedPanels<S, V>.Blocks(K);
            float* tile = At(Packed, first, K);
            if (count < height)
            {
                new Span<float>(tile, blocks * (1 + Pairs) * height).Clear();
            }

            for (int row = 0; row < count; row++)
            {
                Row(X + ((long)(first + row) * K), K, tile + row, height);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        [SkipLocalsInit]
        private static void Row(float* x, int k, float* to, int height)
        {
            float* rest = stackalloc float[Block];
            float* scaled = stackalloc float[Block];
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

                var pairs = (int*)to;
                for (int i = 0; i < Pairs; i++)
                {
                    pairs[(1 + i) * height] = (ushort)(int)scaled[2 * i] | ((int)scaled[(2 * i) + 1] << 16);
                }
            }
        }
    }
}
