namespace PixSearch.Tensors;

/// <summary>
/// The left side of a <see cref="TileJob{S, V, P}"/>, packed whole before its tasks. Shape of a tile: [place][height].
/// </summary>
internal static unsafe class TileRows<P>
    where P : struct, ITileProduct
{
    /// <summary>Floats that rows of k numbers take in tiles of this many.</summary>
    public static long Count(int rows, int tileRows, int k) => (long)Gemm.RoundUp(rows, tileRows) * P.RowFloats(k);

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

        public readonly void Run(int index, int thread)
        {
            int first = index * TileRows;
            int count = Math.Min(TileRows, Rows - first);
            int height = MicroKernel.HeightFor(count);
            float* tile = At(Packed, first, K);
            if (count < height)
            {
                new Span<float>(tile, P.RowFloats(K) * height).Clear();
            }

            for (int row = 0; row < count; row++)
            {
                P.PackRow(X + ((long)(first + row) * K), K, tile + row, height);
            }
        }
    }
}
