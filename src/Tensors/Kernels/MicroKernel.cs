using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>How the left side of a tile lies in memory.</summary>
internal interface ILeft
{
    /// <summary>Elements from one k to the next, for a tile of this height.</summary>
    static abstract int Step(int height);

    /// <summary>Elements from row 0 to this row.</summary>
    static abstract int Row(int row);
}

/// <summary>Packed: [k][height].</summary>
internal readonly struct PackedLeft : ILeft
{
    public static int Step(int height) => height;

    public static int Row(int row) => row;
}

/// <summary>Rows of a panel as they are: [height][2 * Width], of which the first k of each row are read.</summary>
internal readonly struct PanelLeft<S, V> : ILeft
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int Step(int height) => 1;

    public static int Row(int row) => row * 2 * S.Width;
}

/// <summary>
/// The inner kernels of matrix products: a tile of c, R rows by two vectors, is held in named locals (so in registers)
/// while k runs. Sources are packed: a as [k][R], b as a panel (<see cref="IPanels{S, V}"/>); one broadcast of a feeds
/// two multiply-adds. Every kernel adds the products of an element in the order of k, so the height of the tile does
/// not change results.
/// </summary>
internal static unsafe class MicroKernel
{
    private const int AheadBytesFew = 8 << 10;
    private const int AheadRows = 128;
    private const int FewRows = 8;

    /// <summary>
    /// Bytes of a panel that are asked for in advance, what memory brings in some 300 ns: 8 KB, and twice that in F32
    /// for more than eight rows. With half of it products of 16 rows took 1.06 times as long, with twice of it those of
    /// one row (512 x 512, weights from memory).
    /// </summary>
    public static int Ahead(int rows, int rowBytes) => rows <= FewRows ? AheadBytesFew : AheadRows * rowBytes;

    /// <summary>The smallest height with a kernel that holds this many rows.</summary>
    public static int HeightFor(int rows) => rows switch
    {
        > 8 => 12,
        > 6 => 8,
        > 4 => 6,
        > 2 => 4,
        _ => rows,
    };

    /// <summary>
    /// c [height, 2 * Width] = start + a b for F32 sources a [k][height] and b [k][2 * Width]; rows of c are
    /// <paramref name="ldc"/> elements apart.
    /// </summary>
    /// <param name="height">Rows: 1, 2, 4, 6, 8 or 12.</param>
    /// <param name="a">Left side.</param>
    /// <param name="b">Right side.</param>
    /// <param name="k">Inner size.</param>
    /// <param name="c">Receives the tile.</param>
    /// <param name="ldc">Elements from one row of c to the next.</param>
    /// <param name="start">What the products are added to: c itself, a bias, or null for nothing.</param>
    /// <param name="startStride">Elements from one row of the start to the next; 0 for a bias.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<S, V>(int height, float* a, float* b, int k, float* c, int ldc, float* start,
        int startStride)
        where S : struct, ISimd<V>
        where V : unmanaged => Run<S, V, PanelsF32<S, V>>(height, a, (byte*)b, k, c, ldc, start, startStride);

    /// <summary>The same for any kind of panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<S, V, L>(int height, float* a, byte* b, int k, float* c, int ldc, float* start,
        int startStride)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V> =>
        Run<S, V, L, PackedLeft>(height, a, b, k, c, ldc, start, startStride);

    /// <summary>The same for any layout of a.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<S, V, L, A>(int height, float* a, byte* b, int k, float* c, int ldc, float* start,
        int startStride)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
        where A : struct, ILeft =>
        Run<S, V, L, A>(height, a, b, k, c, ldc, start, startStride, b + Ahead(height, L.RowBytes), L.RowBytes);

    /// <summary>
    /// The same with a place of its own to ask for: each row of k asks for a row at <paramref name="fetch"/>, which
    /// moves on by <paramref name="fetchStep"/> bytes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<S, V, L, A>(int height, float* a, byte* b, int k, float* c, int ldc, float* start,
        int startStride, byte* fetch, nint fetchStep)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
        where A : struct, ILeft
    {
        switch (height)
        {
            case 12:
                Rows12<S, V, L, A>(a, b, k, c, ldc, start, startStride, fetch, fetchStep);
                break;
            case 8:
                Rows8<S, V, L, A>(a, b, k, c, ldc, start, startStride, fetch, fetchStep);
                break;
            case 6:
                Rows6<S, V, L, A>(a, b, k, c, ldc, start, startStride, fetch, fetchStep);
                break;
            case 4:
                Rows4<S, V, L, A>(a, b, k, c, ldc, start, startStride, fetch, fetchStep);
                break;
            case 2:
                Rows2<S, V, L, A>(a, b, k, c, ldc, start, startStride, fetch, fetchStep);
                break;
            case 1:
                Rows1<S, V, L, A>(a, b, k, c, ldc, start, startStride, fetch, fetchStep);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(height), height, "No kernel of this height.");
        }
    }

    /// <summary>Writes one row of a tile at c, on top of what lies at start + offset (null for nothing).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<S, V>(float* c, V left, V right, float* start, long offset)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        if (start is not null)
        {
            left = S.Add(left, S.Load(start + offset));
            right = S.Add(right, S.Load(start + offset + S.Width));
        }

        S.Store(c, left);
        S.Store(c + S.Width, right);
    }

    /// <summary>Asks for a row of a panel that is needed later: the hardware alone does not keep up with
    /// memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FetchAhead<S, V, L>(byte* b)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
    {
        const int LineBytes = 64;
        S.Prefetch((float*)b);
        if (L.RowBytes > LineBytes)
        {
            S.Prefetch((float*)(b + LineBytes));
        }
    }

    // Asks for the rows that Put will read, so that they come while k runs.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch<S, V>(int height, float* start, long stride)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        if (start is null || stride == 0)
        {
            return;
        }

        for (int i = 0; i < height; i++, start += stride)
        {
            S.Prefetch(start);
            S.Prefetch(start + (2 * S.Width) - 1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows12<S, V, L, A>(float* a, byte* b, int k, float* c, int ldc, float* start,
        int startStride, byte* fetch, nint fetchStep)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
        where A : struct, ILeft
    {
        Fetch<S, V>(12, start, startStride);
        V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero, l2 = S.Zero, r2 = S.Zero, l3 = S.Zero, r3 = S.Zero;
        V l4 = S.Zero, r4 = S.Zero, l5 = S.Zero, r5 = S.Zero, l6 = S.Zero, r6 = S.Zero, l7 = S.Zero, r7 = S.Zero;
        V l8 = S.Zero, r8 = S.Zero, l9 = S.Zero, r9 = S.Zero, l10 = S.Zero, r10 = S.Zero, l11 = S.Zero, r11 = S.Zero;
        for (; k > 0; k--)
        {
            FetchAhead<S, V, L>(fetch);
            fetch += fetchStep;
            V left = L.Left(b);
            V right = L.Right(b);
            V x = S.Splat(*a);
            l0 = S.Fma(x, left, l0);
            r0 = S.Fma(x, right, r0);
            x = S.Splat(a[A.Row(1)]);
            l1 = S.Fma(x, left, l1);
            r1 = S.Fma(x, right, r1);
            x = S.Splat(a[A.Row(2)]);
            l2 = S.Fma(x, left, l2);
            r2 = S.Fma(x, right, r2);
            x = S.Splat(a[A.Row(3)]);
            l3 = S.Fma(x, left, l3);
            r3 = S.Fma(x, right, r3);
            x = S.Splat(a[A.Row(4)]);
            l4 = S.Fma(x, left, l4);
            r4 = S.Fma(x, right, r4);
            x = S.Splat(a[A.Row(5)]);
            l5 = S.Fma(x, left, l5);
            r5 = S.Fma(x, right, r5);
            x = S.Splat(a[A.Row(6)]);
            l6 = S.Fma(x, left, l6);
            r6 = S.Fma(x, right, r6);
            x = S.Splat(a[A.Row(7)]);
            l7 = S.Fma(x, left, l7);
            r7 = S.Fma(x, right, r7);
            x = S.Splat(a[A.Row(8)]);
            l8 = S.Fma(x, left, l8);
            r8 = S.Fma(x, right, r8);
            x = S.Splat(a[A.Row(9)]);
            l9 = S.Fma(x, left, l9);
            r9 = S.Fma(x, right, r9);
            x = S.Splat(a[A.Row(10)]);
            l10 = S.Fma(x, left, l10);
            r10 = S.Fma(x, right, r10);
            x = S.Splat(a[A.Row(11)]);
            l11 = S.Fma(x, left, l11);
            r11 = S.Fma(x, right, r11);
            a += A.Step(12);
            b += L.RowBytes;
        }

        Put<S, V>(c, l0, r0, start, 0);
        Put<S, V>(c + ldc, l1, r1, start, startStride);
        Put<S, V>(c + (2 * (long)ldc), l2, r2, start, 2 * (long)startStride);
        Put<S, V>(c + (3 * (long)ldc), l3, r3, start, 3 * (long)startStride);
        Put<S, V>(c + (4 * (long)ldc), l4, r4, start, 4 * (long)startStride);
        Put<S, V>(c + (5 * (long)ldc), l5, r5, start, 5 * (long)startStride);
        Put<S, V>(c + (6 * (long)ldc), l6, r6, start, 6 * (long)startStride);
        Put<S, V>(c + (7 * (long)ldc), l7, r7, start, 7 * (long)startStride);
        Put<S, V>(c + (8 * (long)ldc), l8, r8, start, 8 * (long)startStride);
        Put<S, V>(c + (9 * (long)ldc), l9, r9, start, 9 * (long)startStride);
        Put<S, V>(c + (10 * (long)ldc), l10, r10, start, 10 * (long)startStride);
        Put<S, V>(c + (11 * (long)ldc), l11, r11, start, 11 * (long)startStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8<S, V, L, A>(float* a, byte* b, int k, float* c, int ldc, float* start,
        int startStride, byte* fetch, nint fetchStep)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
        where A : struct, ILeft
    {
        Fetch<S, V>(8, start, startStride);
        V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero, l2 = S.Zero, r2 = S.Zero, l3 = S.Zero, r3 = S.Zero;
        V l4 = S.Zero, r4 = S.Zero, l5 = S.Zero, r5 = S.Zero, l6 = S.Zero, r6 = S.Zero, l7 = S.Zero, r7 = S.Zero;
        for (; k > 0; k--)
        {
            FetchAhead<S, V, L>(fetch);
            fetch += fetchStep;
            V left = L.Left(b);
            V right = L.Right(b);
            V x = S.Splat(*a);
            l0 = S.Fma(x, left, l0);
            r0 = S.Fma(x, right, r0);
            x = S.Splat(a[A.Row(1)]);
            l1 = S.Fma(x, left, l1);
            r1 = S.Fma(x, right, r1);
            x = S.Splat(a[A.Row(2)]);
            l2 = S.Fma(x, left, l2);
            r2 = S.Fma(x, right, r2);
            x = S.Splat(a[A.Row(3)]);
            l3 = S.Fma(x, left, l3);
            r3 = S.Fma(x, right, r3);
            x = S.Splat(a[A.Row(4)]);
            l4 = S.Fma(x, left, l4);
            r4 = S.Fma(x, right, r4);
            x = S.Splat(a[A.Row(5)]);
            l5 = S.Fma(x, left, l5);
            r5 = S.Fma(x, right, r5);
            x = S.Splat(a[A.Row(6)]);
            l6 = S.Fma(x, left, l6);
            r6 = S.Fma(x, right, r6);
            x = S.Splat(a[A.Row(7)]);
            l7 = S.Fma(x, left, l7);
            r7 = S.Fma(x, right, r7);
            a += A.Step(8);
            b += L.RowBytes;
        }

        Put<S, V>(c, l0, r0, start, 0);
        Put<S, V>(c + ldc, l1, r1, start, startStride);
        Put<S, V>(c + (2 * (long)ldc), l2, r2, start, 2 * (long)startStride);
        Put<S, V>(c + (3 * (long)ldc), l3, r3, start, 3 * (long)startStride);
        Put<S, V>(c + (4 * (long)ldc), l4, r4, start, 4 * (long)startStride);
        Put<S, V>(c + (5 * (long)ldc), l5, r5, start, 5 * (long)startStride);
        Put<S, V>(c + (6 * (long)ldc), l6, r6, start, 6 * (long)startStride);
        Put<S, V>(c + (7 * (long)ldc), l7, r7, start, 7 * (long)startStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6<S, V, L, A>(float* a, byte* b, int k, float* c, int ldc, float* start,
        int startStride, byte* fetch, nint fetchStep)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
        where A : struct, ILeft
    {
        Fetch<S, V>(6, start, startStride);
        V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero, l2 = S.Zero, r2 = S.Zero, l3 = S.Zero, r3 = S.Zero;
        V l4 = S.Zero, r4 = S.Zero, l5 = S.Zero, r5 = S.Zero;
        for (; k > 0; k--)
        {
            FetchAhead<S, V, L>(fetch);
            fetch += fetchStep;
            V left = L.Left(b);
            V right = L.Right(b);
            V x = S.Splat(*a);
            l0 = S.Fma(x, left, l0);
            r0 = S.Fma(x, right, r0);
            x = S.Splat(a[A.Row(1)]);
            l1 = S.Fma(x, left, l1);
            r1 = S.Fma(x, right, r1);
            x = S.Splat(a[A.Row(2)]);
            l2 = S.Fma(x, left, l2);
            r2 = S.Fma(x, right, r2);
            x = S.Splat(a[A.Row(3)]);
            l3 = S.Fma(x, left, l3);
            r3 = S.Fma(x, right, r3);
            x = S.Splat(a[A.Row(4)]);
            l4 = S.Fma(x, left, l4);
            r4 = S.Fma(x, right, r4);
            x = S.Splat(a[A.Row(5)]);
            l5 = S.Fma(x, left, l5);
            r5 = S.Fma(x, right, r5);
            a += A.Step(6);
            b += L.RowBytes;
        }

        Put<S, V>(c, l0, r0, start, 0);
        Put<S, V>(c + ldc, l1, r1, start, startStride);
        Put<S, V>(c + (2 * (long)ldc), l2, r2, start, 2 * (long)startStride);
        Put<S, V>(c + (3 * (long)ldc), l3, r3, start, 3 * (long)startStride);
        Put<S, V>(c + (4 * (long)ldc), l4, r4, start, 4 * (long)startStride);
        Put<S, V>(c + (5 * (long)ldc), l5, r5, start, 5 * (long)startStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<S, V, L, A>(float* a, byte* b, int k, float* c, int ldc, float* start,
        int startStride, byte* fetch, nint fetchStep)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
        where A : struct, ILeft
    {
        Fetch<S, V>(4, start, startStride);
        V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero, l2 = S.Zero, r2 = S.Zero, l3 = S.Zero, r3 = S.Zero;
        for (; k > 0; k--)
        {
            FetchAhead<S, V, L>(fetch);
            fetch += fetchStep;
            V left = L.Left(b);
            V right = L.Right(b);
            V x = S.Splat(*a);
            l0 = S.Fma(x, left, l0);
            r0 = S.Fma(x, right, r0);
            x = S.Splat(a[A.Row(1)]);
            l1 = S.Fma(x, left, l1);
            r1 = S.Fma(x, right, r1);
            x = S.Splat(a[A.Row(2)]);
            l2 = S.Fma(x, left, l2);
            r2 = S.Fma(x, right, r2);
            x = S.Splat(a[A.Row(3)]);
            l3 = S.Fma(x, left, l3);
            r3 = S.Fma(x, right, r3);
            a += A.Step(4);
            b += L.RowBytes;
        }

        Put<S, V>(c, l0, r0, start, 0);
        Put<S, V>(c + ldc, l1, r1, start, startStride);
        Put<S, V>(c + (2 * (long)ldc), l2, r2, start, 2 * (long)startStride);
        Put<S, V>(c + (3 * (long)ldc), l3, r3, start, 3 * (long)startStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2<S, V, L, A>(float* a, byte* b, int k, float* c, int ldc, float* start,
        int startStride, byte* fetch, nint fetchStep)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
        where A : struct, ILeft
    {
        Fetch<S, V>(2, start, startStride);
        V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero;
        for (; k > 0; k--)
        {
            FetchAhead<S, V, L>(fetch);
            fetch += fetchStep;
            V left = L.Left(b);
            V right = L.Right(b);
            V x = S.Splat(*a);
            l0 = S.Fma(x, left, l0);
            r0 = S.Fma(x, right, r0);
            x = S.Splat(a[A.Row(1)]);
            l1 = S.Fma(x, left, l1);
            r1 = S.Fma(x, right, r1);
            a += A.Step(2);
            b += L.RowBytes;
        }

        Put<S, V>(c, l0, r0, start, 0);
        Put<S, V>(c + ldc, l1, r1, start, startStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1<S, V, L, A>(float* a, byte* b, int k, float* c, int ldc, float* start,
        int startStride, byte* fetch, nint fetchStep)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V>
        where A : struct, ILeft
    {
        Fetch<S, V>(1, start, startStride);
        V l0 = S.Zero, r0 = S.Zero;
        for (; k > 0; k--)
        {
            FetchAhead<S, V, L>(fetch);
            fetch += fetchStep;
            V left = L.Left(b);
            V right = L.Right(b);
            V x = S.Splat(*a);
            l0 = S.Fma(x, left, l0);
            r0 = S.Fma(x, right, r0);
            a += A.Step(1);
            b += L.RowBytes;
        }

        Put<S, V>(c, l0, r0, start, 0);
    }
}
