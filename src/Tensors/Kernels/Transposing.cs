using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PixSearch.Tensors;

/// <summary>Transposed copies: the base of packing and of <see cref="IBackend.Permute"/>.</summary>
internal static unsafe class Transposing
{
    /// <summary>
    /// <c>y[c * ldy + r] = x[r * ldx + c]</c> for r below <paramref name="rows"/> and c below
    /// <paramref name="columns"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* x, long ldx, int rows, int columns, float* y, long ldy)
    {
        int r = 0;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block4(float* x, long ldx, float* y, long ldy)
    {
        Vector128<float> a = Vector128.Load(x);
        Vector128<float> b = Vector128.Load(x + ldx);
        Vector128<float> c = Vector128.Load(x + (2 * ldx));
        Vector128<float> d = Vector128.Load(x + (3 * ldx));
        for (int i = 0; i < 4; i++)
        {
            Vector128.Create(a[i], b[i], c[i], d[i]).Store(y + (i * ldy));
        }
    }
}
