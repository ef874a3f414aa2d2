using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PixSearch.Tensors;

/// <summary>Transposed copies: the base of packing and of <see cref="IBackend.Permute"/>.</summary>
internal static unsafe class Transposing
{
    // From 1 KB on, rows share a sixteenth of the first-level cache's sets or less: 48 of them fit.
    private const int FarRows = 256;
    private const int FarColumns = 32;

    /// <summary>
    /// <c>y[c * ldy + r] = x[r * ldx + c]</c> for r below <paramref name="rows"/> and c below
    /// <paramref name="columns"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, long ldx, int rows, int columns, float* y, long ldy)
    {
        int r = 0;
        if (Avx2.IsSupported && rows == 2 && ldy == 2)
        {
            int done = Interleave(x, x + ldx, columns, y);
            if (done < columns)
            {
                Scalar(x + done, ldx, 2, columns - done, y + (2 * done), 2);
            }

            return;
        }

        if (Avx2.IsSupported && columns == 2 && ldx == 2)
        {
            int done = Separate(x, rows, y, y + ldy);
            Scalar(x + (2 * done), 2, rows - done, 2, y + done, ldy);
            return;
        }

        if (ldy >= FarRows && columns > FarColumns)
        {
            // Rows of y that lie far apart push each other out of the first-level cache: some at a time.
            for (int c = 0; c < columns; c += FarColumns)
            {
                Run(x + c, ldx, rows, Math.Min(FarColumns, columns - c), y + (c * ldy), ldy);
            }

            return;
        }

        if (Avx.IsSupported)
        {
            for (; r + 8 <= rows; r += 8)
            {
                int c = 0;
                for (; c + 8 <= columns; c += 8)
                {
                    Block8(x + (r * ldx) + c, ldx, y + (c * ldy) + r, ldy);
                }

                Scalar(x + (r * ldx) + c, ldx, 8, columns - c, y + (c * ldy) + r, ldy);
            }
        }

        if (Vector128.IsHardwareAccelerated)
        {
            for (; r + 4 <= rows; r += 4)
            {
                int c = 0;
                for (; c + 4 <= columns; c += 4)
                {
                    Block4(x + (r * ldx) + c, ldx, y + (c * ldy) + r, ldy);
                }

                Scalar(x + (r * ldx) + c, ldx, 4, columns - c, y + (c * ldy) + r, ldy);
            }
        }

        Scalar(x + (r * ldx), ldx, rows - r, columns, y + r, ldy);
    }

    /// <summary>
    /// <see cref="Run"/> for twelve rows written without gaps (ldy = 12), the tile of <see cref="Packing.Rows"/>. Needs
    /// AVX-512.
    /// </summary>
    /// <remarks>
    /// A 128-bit lane of a register holds one of the rows 0, 4, 8 (then 1, 5, 9 and so on), so that a 4 x 4 transpose
    /// of the lanes' elements gives columns of twelve. A store writes 16 floats: the four too many are overwritten by
    /// the next column, and the last columns go through <see cref="Scalar"/>.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Twelve(float* x, long ldx, int columns, float* y)
    {
        int c = 0;
        for (; c + 4 < columns; c += 4, x += 4, y += 48)
        {
            Vector512<float> a = Lanes(x, ldx);
            Vector512<float> b = Lanes(x + ldx, ldx);
            Vector512<float> d = Lanes(x + (2 * ldx), ldx);
            Vector512<float> e = Lanes(x + (3 * ldx), ldx);
            Vector512<float> ab = Avx512F.UnpackLow(a, b);
            Vector512<float> de = Avx512F.UnpackLow(d, e);
            Vector512<float> abHigh = Avx512F.UnpackHigh(a, b);
            Vector512<float> deHigh = Avx512F.UnpackHigh(d, e);
            Avx512F.Shuffle(ab, de, 0x44).Store(y);
            Avx512F.Shuffle(ab, de, 0xEE).Store(y + 12);
            Avx512F.Shuffle(abHigh, deHigh, 0x44).Store(y + 24);
            Avx512F.Shuffle(abHigh, deHigh, 0xEE).Store(y + 36);
        }

        Scalar(x, ldx, 12, columns - c, y, 12);
    }

    /// <summary>
    /// <see cref="Run"/> for six rows written without gaps (ldy = 6), the tile of AVX2. Needs SSE.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Six(float* x, long ldx, int columns, float* y)
    {
        int c = 0;
        for (; c + 4 <= columns; c += 4, x += 4, y += 24)
        {
            float* below = x + (4 * ldx);
            Vector128<float> r0 = Vector128.Load(x), r1 = Vector128.Load(x + ldx);
            Vector128<float> r2 = Vector128.Load(x + (2 * ldx)), r3 = Vector128.Load(x + (3 * ldx));
            Vector128<float> r4 = Vector128.Load(below), r5 = Vector128.Load(below + ldx);
            Vector128<float> low01 = Sse.UnpackLow(r0, r1), high01 = Sse.UnpackHigh(r0, r1);
            Vector128<float> low23 = Sse.UnpackLow(r2, r3), high23 = Sse.UnpackHigh(r2, r3);
            Vector128<float> low45 = Sse.UnpackLow(r4, r5), high45 = Sse.UnpackHigh(r4, r5);
            Sse.MoveLowToHigh(low01, low23).Store(y);
            Sse.StoreLow(y + 4, low45);
            Sse.MoveHighToLow(low23, low01).Store(y + 6);
            Sse.StoreHigh(y + 10, low45);
            Sse.MoveLowToHigh(high01, high23).Store(y + 12);
            Sse.StoreLow(y + 16, high45);
            Sse.MoveHighToLow(high23, high01).Store(y + 18);
            Sse.StoreHigh(y + 22, high45);
        }

        Scalar(x, ldx, 6, columns - c, y, 6);
    }

    // Two rows become pairs; returns how many pairs.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Interleave(float* a, float* b, int count, float* pairs)
    {
        int i = 0;
        if (Avx512F.IsSupported && count >= 16)
        {
            // Element 16 + k of the pair of registers is element k of the second.
            Vector512<int> low = Vector512.Create(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            Vector512<int> high = low + Vector512.Create(8);
            for (; i + 16 <= count; i += 16)
            {
                Vector512<float> x = Vector512.Load(a + i);
                Vector512<float> y = Vector512.Load(b + i);
                Avx512F.PermuteVar16x32x2(x, low, y).Store(pairs + (2 * i));
                Avx512F.PermuteVar16x32x2(x, high, y).Store(pairs + (2 * i) + 16);
            }
        }

        for (; i + 8 <= count; i += 8)
        {
            Vector256<float> x = Vector256.Load(a + i);
            Vector256<float> y = Vector256.Load(b + i);
            Vector256<float> low = Avx.UnpackLow(x, y);
            Vector256<float> high = Avx.UnpackHigh(x, y);
            Avx.Permute2x128(low, high, 0x20).Store(pairs + (2 * i));
            Avx.Permute2x128(low, high, 0x31).Store(pairs + (2 * i) + 8);
        }

        return i;
    }

    // Pairs become two rows; returns how many pairs.
    private static int Separate(float* pairs, int count, float* a, float* b)
    {
        int i = 0;
        for (; i + 8 <= count; i += 8)
        {
            Vector256<float> x = Vector256.Load(pairs + (2 * i));
            Vector256<float> y = Vector256.Load(pairs + (2 * i) + 8);

            // Lanes hold pairs 0 1 4 5 and 2 3 6 7: 64-bit pieces 0 2 1 3 put them in order.
            Avx2.Permute4x64(Avx.Shuffle(x, y, 0x88).AsDouble(), 0xD8).AsSingle().Store(a + i);
            Avx2.Permute4x64(Avx.Shuffle(x, y, 0xDD).AsDouble(), 0xD8).AsSingle().Store(b + i);
        }

        return i;
    }

    /// <summary>The readable twin of <see cref="Run"/>.</summary>
    public static void Scalar(float* x, long ldx, int rows, int columns, float* y, long ldy)
    {
        for (int c = 0; c < columns; c++)
        {
            for (int r = 0; r < rows; r++)
            {
                y[(c * ldy) + r] = x[(r * ldx) + c];
            }
        }
    }

    // 8 x 8: row i and row i + 4 are loaded into the halves of one register, after which all shuffles stay inside
    // 128-bit lanes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block8(float* x, long ldx, float* y, long ldy)
    {
        Half8(x, ldx, y, ldy);
        Half8(x + 4, ldx, y + (4 * ldy), ldy);
    }

    // Columns 0..3 of eight rows become four rows of eight.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Half8(float* x, long ldx, float* y, long ldy)
    {
        Vector256<float> a = Vector256.Create(Vector128.Load(x), Vector128.Load(x + (4 * ldx)));
        Vector256<float> b = Vector256.Create(Vector128.Load(x + ldx), Vector128.Load(x + (5 * ldx)));
        Vector256<float> c = Vector256.Create(Vector128.Load(x + (2 * ldx)), Vector128.Load(x + (6 * ldx)));
        Vector256<float> d = Vector256.Create(Vector128.Load(x + (3 * ldx)), Vector128.Load(x + (7 * ldx)));

        // Per lane: a = a0 a1 a2 a3 and so on; wanted: a0 b0 c0 d0, then a1 b1 c1 d1, ...
        Vector256<float> ab = Avx.UnpackLow(a, b);
        Vector256<float> cd = Avx.UnpackLow(c, d);
        Vector256<float> abHigh = Avx.UnpackHigh(a, b);
        Vector256<float> cdHigh = Avx.UnpackHigh(c, d);
        Avx.Shuffle(ab, cd, 0x44).Store(y);
        Avx.Shuffle(ab, cd, 0xEE).Store(y + ldy);
        Avx.Shuffle(abHigh, cdHigh, 0x44).Store(y + (2 * ldy));
        Avx.Shuffle(abHigh, cdHigh, 0xEE).Store(y + (3 * ldy));
    }

    // Four elements of the rows 0, 4 and 8.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Lanes(float* x, long ldx)
    {
        Vector512<float> lanes = Vector128.Load(x).ToVector256Unsafe().ToVector512Unsafe();
        lanes = Avx512F.InsertVector128(lanes, Vector128.Load(x + (4 * ldx)), 1);
        return Avx512F.InsertVector128(lanes, Vector128.Load(x + (8 * ldx)), 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block4(float* x, long ldx, float* y, long ldy)
    {
        Vector128<float> a = Vector128.Load(x);
        Vector128<float> b = Vector128.Load(x + ldx);
        Vector128<float> c = Vector128.Load(x + (2 * ldx));
        Vector128<float> d = Vector128.Load(x + (3 * ldx));
        if (Sse.IsSupported)
        {
            Vector128<float> ab = Sse.UnpackLow(a, b);
            Vector128<float> cd = Sse.UnpackLow(c, d);
            Vector128<float> abHigh = Sse.UnpackHigh(a, b);
            Vector128<float> cdHigh = Sse.UnpackHigh(c, d);
            Sse.MoveLowToHigh(ab, cd).Store(y);
            Sse.MoveHighToLow(cd, ab).Store(y + ldy);
            Sse.MoveLowToHigh(abHigh, cdHigh).Store(y + (2 * ldy));
            Sse.MoveHighToLow(cdHigh, abHigh).Store(y + (3 * ldy));
            return;
        }

        for (int i = 0; i < 4; i++)
        {
            Vector128.Create(a[i], b[i], c[i], d[i]).Store(y + (i * ldy));
        }
    }
}
