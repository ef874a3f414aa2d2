using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// The inner kernels of products with one or two rows: several panels together. Two sums a row alone would wait four
/// cycles for each other at every k, and memory is read faster in several places at once. Elements add their products
/// in the order of k, as in <see cref="MicroKernel"/>: the same bits.
/// </summary>
internal static unsafe class SkinnyKernel
{
    /// <summary>Most rows that these kernels take.</summary>
    public const int RowsMax = 2;

    // Rows of each panel that are asked for in advance.
    private const int Ahead = 32;

    /// <summary>Panels that are read together for this many rows.</summary>
    public static int Panels(int rows) => rows == 1 ? 4 : 2;

    /// <summary>c [rows, panels * 2 * Width] = start + a b for <see cref="Panels"/> panels.</summary>
    /// <param name="rows">1 or 2.</param>
    /// <param name="a">Left side. Shape: [k][rows].</param>
    /// <param name="b">First panel.</param>
    /// <param name="panelBytes">Bytes from a panel to the next.</param>
    /// <param name="k">Inner size.</param>
    /// <param name="c">Receives the block.</param>
    /// <param name="ldc">Elements from one row of c to the next.</param>
    /// <param name="start">What the products are added to: c itself, a bias, or null for nothing.</param>
    /// <param name="startStride">Elements from one row of the start to the next; 0 for a bias.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<S, V, L>(int rows, float* a, byte* b, long panelBytes, int k, float* c, int ldc,
        float* start, int startStride)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
    {
        if (rows == 1)
        {
            One<S, V, L>(a, b, (nint)panelBytes, k, c, start);
        }
        else
        {
            Two<S, V, L>(a, b, (nint)panelBytes, k, c, ldc, start, startStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One<S, V, L>(float* a, byte* b, nint panelBytes, int k, float* c, float* start)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
    {
        V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero, l2 = S.Zero, r2 = S.Zero, l3 = S.Zero, r3 = S.Zero;
        byte* second = b + panelBytes;
        byte* third = second + panelBytes;
        byte* fourth = third + panelBytes;
        for (; k > 0; k--)
        {
            MicroKernel.FetchAhead<S, V, L>(b + (Ahead * L.RowBytes));
            MicroKernel.FetchAhead<S, V, L>(second + (Ahead * L.RowBytes));
            MicroKernel.FetchAhead<S, V, L>(third + (Ahead * L.RowBytes));
            MicroKernel.FetchAhead<S, V, L>(fourth + (Ahead * L.RowBytes));
            V x = S.Splat(*a);
            l0 = S.Fma(x, L.Left(b), l0);
            r0 = S.Fma(x, L.Right(b), r0);
            l1 = S.Fma(x, L.Left(second), l1);
            r1 = S.Fma(x, L.Right(second), r1);
            l2 = S.Fma(x, L.Left(third), l2);
            r2 = S.Fma(x, L.Right(third), r2);
            l3 = S.Fma(x, L.Left(fourth), l3);
            r3 = S.Fma(x, L.Right(fourth), r3);
            a++;
            b += L.RowBytes;
            second += L.RowBytes;
            third += L.RowBytes;
            fourth += L.RowBytes;
        }

        MicroKernel.Put<S, V>(c, l0, r0, start, 0);
        MicroKernel.Put<S, V>(c + (2 * S.Width), l1, r1, start, 2 * S.Width);
        MicroKernel.Put<S, V>(c + (4 * S.Width), l2, r2, start, 4 * S.Width);
        MicroKernel.Put<S, V>(c + (6 * S.Width), l3, r3, start, 6 * S.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Two<S, V, L>(float* a, byte* b, nint panelBytes, int k, float* c, int ldc, float* start,
        int startStride)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
    {
        V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero, l2 = S.Zero, r2 = S.Zero, l3 = S.Zero, r3 = S.Zero;
        byte* second = b + panelBytes;
        for (; k > 0; k--)
        {
            MicroKernel.FetchAhead<S, V, L>(b + (Ahead * L.RowBytes));
            MicroKernel.FetchAhead<S, V, L>(second + (Ahead * L.RowBytes));
            V x = S.Splat(*a);
            V y = S.Splat(a[1]);
            V left = L.Left(b);
            V right = L.Right(b);
            l0 = S.Fma(x, left, l0);
            r0 = S.Fma(x, right, r0);
            l1 = S.Fma(y, left, l1);
            r1 = S.Fma(y, right, r1);
            left = L.Left(second);
            right = L.Right(second);
            l2 = S.Fma(x, left, l2);
            r2 = S.Fma(x, right, r2);
            l3 = S.Fma(y, left, l3);
            r3 = S.Fma(y, right, r3);
            a += 2;
            b += L.RowBytes;
            second += L.RowBytes;
        }

        float* below = start is null ? null : start + startStride;
        MicroKernel.Put<S, V>(c, l0, r0, start, 0);
        MicroKernel.Put<S, V>(c + (2 * S.Width), l2, r2, start, 2 * S.Width);
        MicroKernel.Put<S, V>(c + ldc, l1, r1, below, 0);
        MicroKernel.Put<S, V>(c + ldc + (2 * S.Width), l3, r3, below, 2 * S.Width);
    }
}
