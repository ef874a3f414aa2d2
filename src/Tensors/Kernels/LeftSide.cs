namespace PixSearch.Tensors;

/// <summary>
/// The left side of a product, packed whole before the tasks that share it. Shape: [slice of k][tile][k][height].
/// </summary>
internal static unsafe class LeftSide<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    // Rows of a transposed side are packed four tiles at a time (see Packing.TransposedRows).
    private const int TilesEach = 4;

    /// <summary>Floats that it takes.</summary>
    public static long Count(int rows, int k) => (long)Gemm.RoundUp(rows, S.TileRows) * k;

    /// <summary>Where slice k0 begins.</summary>
    public static float* At(float* packed, int rows, int k0) => packed + Count(rows, k0);

    /// <summary>Packs a matrix.</summary>
    public static void Pack(WorkerPool pool, GemmOperand matrix, int rows, int k, int slice, float* packed) =>
        pool.Run(new Job { Matrix = matrix, PieceColumns = k, Rows = rows, Columns = k, Slice = slice,
            Packed = packed }, Tasks(rows));

    /// <summary>
    /// Packs channels of pictures: a row holds a channel's pixels of one picture after the other.
    /// </summary>
    /// <param name="pool">Threads.</param>
    /// <param name="planes">First plane. Shape: [batch][channels][pixels].</param>
    /// <param name="pictureStride">Elements from a plane to that of the next picture.</param>
    /// <param name="pixels">Elements of a plane.</param>
    /// <param name="rows">Channels.</param>
    /// <param name="k">Pixels of all pictures.</param>
    /// <param name="slice">Longest slice.</param>
    /// <param name="packed">Receives the packed form.</param>
    public static void PackPlanes(WorkerPool pool, float* planes, long pictureStride, int pixels, int rows, int k,
        int slice, float* packed) => pool.Run(
        new Job
        {
            Matrix = new GemmOperand(planes, pixels, false),
            PieceColumns = pixels,
            PieceStride = pictureStride,
            Rows = rows,
            Columns = k,
            Slice = slice,
            Packed = packed,
        },
        Tasks(rows));

    private static int Tasks(int rows) => (rows + (TilesEach * S.TileRows) - 1) / (TilesEach * S.TileRows);

    private struct Job : IJob
    {
        public GemmOperand Matrix;

        /// <summary>Columns that lie in one piece of memory; the next piece is PieceStride elements on.</summary>
        public int PieceColumns;

        public long PieceStride;
        public int Rows;
        public int Columns;
        public int Slice;
        public float* Packed;

        public readonly void Run(int index, int thread)
        {
            int first = index * TilesEach * S.TileRows;
            int end = Math.Min(first + (TilesEach * S.TileRows), Rows);
            int whole = Matrix.Transposed ? (end - first) / S.TileRows * S.TileRows : 0;
            for (int k0 = 0; k0 < Columns; k0 += Slice)
            {
                int k = Math.Min(Slice, Columns - k0);
                float* to = At(Packed, Rows, k0);
                if (whole > 0)
                {
                    Packing.TransposedRows<S, V>(Matrix, first, whole, k0, k, to + ((long)first * k));
                }

                for (int row = first + whole; row < end; row += S.TileRows)
                {
                    Tile(row, Math.Min(S.TileRows, end - row), k0, k, to + ((long)row * k));
                }
            }
        }

        private readonly void Tile(int row, int count, int k0, int k, float* to)
        {
            int height = MicroKernel.HeightFor(count);
            for (int at = k0; at < k0 + k;)
            {
                int within = at % PieceColumns;
                int length = Math.Min(k0 + k - at, PieceColumns - within);
                GemmOperand piece = Matrix.Plus(at / PieceColumns * PieceStride);
                Packing.Rows(piece, row, count, within, length, height, to + ((long)(at - k0) * height));
                at += length;
            }
        }
    }
}
