namespace PixSearch.Tensors;

/// <summary>
/// The left side of a convolution's products, packed whole before the tasks that share it. Shape: [slice of
/// k][tile][k][height].
/// </summary>
internal static unsafe class ConvLeft<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <summary>Floats that it takes.</summary>
    public static long Count(int rows, int k) => (long)Gemm.RoundUp(rows, S.TileRows) * k;

    /// <summary>Where slice k0 begins.</summary>
    public static float* At(float* packed, int rows, int k0) => packed + Count(rows, k0);

    /// <summary>Packs a matrix.</summary>
    public static void Pack(WorkerPool pool, GemmOperand matrix, int rows, int k, int slice, float* packed) =>
        pool.Run(new Job { Matrix = matrix, PieceColumns = k, Rows = rows, Columns = k, Slice = slice,
            Packed = packed }, Tiles(rows));

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
        Tiles(rows));

    private static int Tiles(int rows) => (rows + S.TileRows - 1) / S.TileRows;

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
            int row = index * S.TileRows;
            int count = Math.Min(S.TileRows, Rows - row);
            int height = MicroKernel.HeightFor(count);
            for (int k0 = 0; k0 < Columns; k0 += Slice)
            {
                int k = Math.Min(Slice, Columns - k0);
                float* to = At(Packed, Rows, k0) + ((long)row * k);
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
}
