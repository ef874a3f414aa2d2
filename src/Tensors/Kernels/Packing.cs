using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace PixSearch.Tensors;

/// <summary>
/// Layouts that the inner kernels read: the left side in blocks of rows as [k][height], the right side in panels of two
/// vectors of columns as [panel][k][2 * Width]. Missing rows and columns are zeros.
/// </summary>
internal static unsafe class Packing
{
    // Lines that are asked for ahead of time: a line's pieces lie too far apart for the hardware to guess.
    private const int FetchLines = 16;

    /// <summary>Packs rows [row, row + count) and the slice [k0, k0 + k) of the left side as [k][height].</summary>
    public static void Rows(GemmOperand a, int row, int count, int k0, int k, int height, float* packed)
    {
        if (count < height)
        {
            new Span<float>(packed, k * height).Clear();
        }

        if (!a.Transposed && height == 1)
        {
            new ReadOnlySpan<float>(a.Pointer + ((long)row * a.Stride) + k0, k).CopyTo(new Span<float>(packed, k));
            return;
        }

        if (!a.Transposed && count == 12 && height == 12 && Avx512F.IsSupported)
        {
            Transposing.Twelve(a.Pointer + ((long)row * a.Stride) + k0, a.Stride, k, packed);
            return;
        }

        if (!a.Transposed && count == 6 && height == 6 && Sse.IsSupported)
        {
            Transposing.Six(a.Pointer + ((long)row * a.Stride) + k0, a.Stride, k, packed);
            return;
        }

        if (!a.Transposed)
        {
            Transposing.Run(a.Pointer + ((long)row * a.Stride) + k0, a.Stride, count, k, packed, height);
            return;
        }

        CopyLines(a.Pointer + ((long)k0 * a.Stride) + row, a.Stride, k, count, packed, height);
    }

    /// <summary>
    /// Packs columns [column, column + count) and the slice [k0, k0 + k) of the right side as [k][width].
    /// </summary>
    public static void Columns(GemmOperand b, int column, int count, int k0, int k, int width, float* packed)
    {
        if (count < width)
        {
            new Span<float>(packed, k * width).Clear();
        }

        if (b.Transposed)
        {
            Transposing.Run(b.Pointer + ((long)column * b.Stride) + k0, b.Stride, count, k, packed, width);
            return;
        }

        CopyLines(b.Pointer + ((long)k0 * b.Stride) + column, b.Stride, k, count, packed, width);
    }

    /// <summary>
    /// Packs whole tiles of a transposed left side: rows [row, row + rows), the slice [k0, k0 + k). Shape: [tile][k]
    /// [TileRows].
    /// </summary>
    /// <remarks>
    /// Four tiles at a time: memory is read in runs of 192 bytes or more (a tile's 48 bytes alone would fetch each line
    /// twice, and with a stride of 4 KB it is gone before the second time), and few enough places are written to.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TransposedRows<S, V>(GemmOperand a, int row, int rows, int k0, int k, float* packed)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        const int TilesAtATime = 4;
        uint bytes = (uint)(S.TileRows * sizeof(float));
        for (int first = 0; first < rows; first += TilesAtATime * S.TileRows)
        {
            int end = Math.Min(first + (TilesAtATime * S.TileRows), rows);
            float* x = a.Pointer + ((long)k0 * a.Stride) + row;
            float* y = packed;
            for (int i = 0; i < k; i++, x += a.Stride, y += S.TileRows)
            {
                float* next = x + (FetchLines * (long)a.Stride) + first;
                S.Prefetch(next);
                S.Prefetch(next + 16);
                S.Prefetch(next + 32);
                for (int r = first; r < end; r += S.TileRows)
                {
                    Unsafe.CopyBlockUnaligned(y + ((long)r * k), x + r, bytes);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyLines(float* x, int ldx, int lines, int count, float* y, int ldy)
    {
        // A copy of a constant size is a few moves, one of an unknown size a call.
        if (count == 32)
        {
            for (int i = 0; i < lines; i++, x += ldx, y += ldy)
            {
                if (Sse.IsSupported)
                {
                    Sse.Prefetch0(x + (FetchLines * (long)ldx));
                    Sse.Prefetch0(x + (FetchLines * (long)ldx) + 16);
                }

                Unsafe.CopyBlockUnaligned(y, x, 32 * sizeof(float));
            }

            return;
        }

        if (count == 16)
        {
            for (int i = 0; i < lines; i++, x += ldx, y += ldy)
            {
                if (Sse.IsSupported)
                {
                    Sse.Prefetch0(x + (FetchLines * (long)ldx));
                }

                Unsafe.CopyBlockUnaligned(y, x, 16 * sizeof(float));
            }

            return;
        }

        if (count == 12)
        {
            for (int i = 0; i < lines; i++, x += ldx, y += ldy)
            {
                Unsafe.CopyBlockUnaligned(y, x, 12 * sizeof(float));
            }

            return;
        }

        if (count == 6)
        {
            for (int i = 0; i < lines; i++, x += ldx, y += ldy)
            {
                Unsafe.CopyBlockUnaligned(y, x, 6 * sizeof(float));
            }

            return;
        }

        if (count == 8)
        {
            for (int i = 0; i < lines; i++, x += ldx, y += ldy)
            {
                Unsafe.CopyBlockUnaligned(y, x, 8 * sizeof(float));
            }

            return;
        }

        for (int i = 0; i < lines; i++, x += ldx, y += ldy)
        {
            Unsafe.CopyBlockUnaligned(y, x, (uint)count * sizeof(float));
        }
    }
}
