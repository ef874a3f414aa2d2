using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// The left side of a <see cref="TileJob{S, V, P}"/>, packed whole before its tasks. Shape of a tile: [place][height];
/// behind the tiles the scale of each row.
/// </summary>
internal static unsafe class TileRows<P>
    where P : struct, ITileProduct
{
    private const int HeightMax = 12;

    // Numbers of k of a piece, and floats at most: 12 KB of stack.
    private const int PieceNumbers = 256;

    /// <summary>Floats that rows of k numbers take in tiles of this many.</summary>
    public static long Count(int rows, int tileRows, int k) =>
        (long)Gemm.RoundUp(rows, tileRows) * (P.RowFloats(k) + 1);

    /// <summary>Scales of all rows.</summary>
    public static float* Scales(float* packed, int rows, int tileRows, int k) =>
        packed + ((long)Gemm.RoundUp(rows, tileRows) * P.RowFloats(k));

    /// <summary>Where the tile that begins with a row lies.</summary>
    public static float* At(float* packed, int row, int k) => packed + ((long)row * P.RowFloats(k));

    /// <summary>Packs rows [rows, k].</summary>
    public static void Pack(WorkerPool pool, float* x, int rows, int tileRows, int k, float* packed) => pool.Run(
        new Job { X = x, Rows = rows, TileRows = tileRows, K = k, Packed = packed }, (rows + tileRows - 1) / tileRows);

    private struct Job : IJob
    {
        public float* X;
        public int Rows;
        public int TileRows;
        public int K;
        public float* Packed;

        [SkipLocalsInit]
        public readonly void Run(int index, int thread)
        {
            int first = index * TileRows;
            int count = Math.Min(TileRows, Rows - first);
            int height = MicroKernel.HeightFor(count);
            float* tile = At(Packed, first, K);
            float* scales = Scales(Packed, Rows, TileRows, K) + first;
            for (int row = 0; row < count; row++)
            {
                scales[row] = P.RowScale(X + ((long)(first + row) * K), K);
            }

            if (height == 1)
            {
                P.PackRow(X + ((long)first * K), K, *scales, tile);
                return;
            }

            // Rows one after the other, some numbers of k at a time, then all of them turned into the tile.
            float* rows = stackalloc float[HeightMax * PieceNumbers];
            for (int k0 = 0; k0 < K; k0 += PieceNumbers)
            {
                int k = Math.Min(PieceNumbers, K - k0);
                int floats = P.RowFloats(k);
                for (int row = 0; row < count; row++)
                {
                    P.PackRow(X + ((long)(first + row) * K) + k0, k, scales[row], rows + (row * floats));
                }

                Packing.Rows(new GemmOperand(rows, floats, false), 0, count, 0, floats, height,
                    tile + ((long)P.RowFloats(k0) * height));
            }
        }
    }
}
