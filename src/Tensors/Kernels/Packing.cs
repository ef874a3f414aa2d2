using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// Layouts that the inner kernels read: the left side in blocks of rows as [k][height], the right side in panels of two
/// vectors of columns as [panel][k][2 * Width]. Missing rows and columns are zeros.
/// </summary>
internal static unsafe class Packing
{
    /// <summary>Packs rows [row, row + count) and the slice [k0, k0 + k) of the left side as [k][height].</summary>
    public static void Rows(GemmOperand a, int row, int count, int k0, int k, int height, float* packed)
    {
        if (count < height)
        {
            new Span<float>(packed, k * height).Clear();
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyLines(float* x, int ldx, int lines, int count, float* y, int ldy)
    {
        for (int i = 0; i < lines; i++, x += ldx, y += ldy)
        {
            Unsafe.CopyBlockUnaligned(y, x, (uint)count * sizeof(float));
        }
    }
}
