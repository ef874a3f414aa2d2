using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>A block of packed rows times one panel: the loop over tiles, and tiles that stick out.</summary>
internal static unsafe class PanelProduct<S, V, L>
    where S : struct, ISimd<V>
    where V : unmanaged
    where L : struct, IPanels<S, V>
{
    /// <summary>c [rows][columns] = start + a b.</summary>
    /// <param name="a">Left side. Shape: [tiles][k][height], as <see cref="Packing.Rows"/> makes them.</param>
    /// <param name="rows">Rows of a and c.</param>
    /// <param name="b">A panel.</param>
    /// <param name="k">Inner size.</param>
    /// <param name="c">Receives the block.</param>
    /// <param name="ldc">Elements from one row of c to the next.</param>
    /// <param name="columns">Columns of c: 2 * Width, or fewer at its edge.</param>
    /// <param name="start">What the products are added to: c itself, a bias, or null for nothing.</param>
    /// <param name="startStride">Elements from one row of the start to the next; 0 for a bias.</param>
    /// <param name="next">What is read after this panel, to be asked for by the way; null for nothing.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(float* a, int rows, byte* b, int k, float* c, int ldc, int columns, float* start,
        int startStride, byte* next)
    {
        // The first tile brings the panel itself. Those behind it have it in the cache and ask for a share of the next
        // one each: else every panel's first tile would wait for the memory.
        int shares = rows > 4 * S.TileRows ? 4 : rows > 2 * S.TileRows ? 2 : 1;
        int shareStep = L.RowBytes / shares;
        for (int i = 0; i < rows; i += S.TileRows)
        {
            byte* fetch = b + MicroKernel.Ahead(rows, L.RowBytes);
            int step = L.RowBytes;
            if (i > 0 && next is not null && i <= shares * S.TileRows)
            {
                fetch = next + (((i / S.TileRows) - 1) * (long)k * shareStep);
                step = shareStep;
            }

            int count = Math.Min(S.TileRows, rows - i);
            int height = MicroKernel.HeightFor(count);
            if (height == count && columns == 2 * S.Width)
            {
                MicroKernel.Run<S, V, L, PackedLeft>(height, a, b, k, c, ldc, start, startStride, fetch, step);
            }
            else
            {
                Edge(height, count, columns, a, b, k, c, ldc, start, startStride);
            }

            a += (long)S.TileRows * k;
            c += (long)S.TileRows * ldc;
            start += start is null ? 0 : (long)S.TileRows * startStride;
        }
    }

    // A tile that sticks out of c is computed aside.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Edge(int height, int count, int columns, float* a, byte* b, int k, float* c, int ldc,
        float* start, int startStride)
    {
        int width = 2 * S.Width;
        float* tile = stackalloc float[height * width];
        MicroKernel.Run<S, V, L>(height, a, b, k, tile, width, null, 0);
        for (int i = 0; i < count; i++, c += ldc, tile += width)
        {
            for (int j = 0; j < columns; j++)
            {
                c[j] = start is null ? tile[j] : start[j] + tile[j];
            }

            start += start is null ? 0 : startStride;
        }
    }
}
