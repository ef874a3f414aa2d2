using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// The inner kernels of products with Q8 weights: a tile of R rows by two vectors of columns. The 32-bit sums of a
/// block are held in named locals (so in registers) while its 16 pairs run; a broadcast pair of a row feeds two
/// vectors. After a block they are scaled and added to the tile's sums in memory.
/// </summary>
internal static unsafe class QuantisedKernel
{
    // Bytes of a panel that are asked for in advance: what memory brings in some 300 ns. Decoding from memory was 15 to
    // 20 % faster than with 2 KB, and no slower than with 16 or 24.
    private const int Ahead = 12 << 10;

    /// <summary>sums [height, 2 * Width] = a b.</summary>
    /// <param name="height">Rows: 1, 2, 4, 6, 8 or 12.</param>
    /// <param name="a">A tile of rows (<see cref="QuantisedRows{S, V}"/>).</param>
    /// <param name="b">A panel of <see cref="QuantisedPanels{S, V}"/>.</param>
    /// <param name="blocks">Blocks of 32 along k.</param>
    /// <param name="sums">Receives the tile.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<S, V>(int height, float* a, byte* b, int blocks, float* sums)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        new Span<float>(sums, height * 2 * S.Width).Clear();
        switch (height)
        {
            case 12:
                Rows12<S, V>(a, b, blocks, sums);
                break;
            case 8:
                Rows8<S, V>(a, b, blocks, sums);
                break;
            case 6:
                Rows6<S, V>(a, b, blocks, sums);
                break;
            case 4:
                Rows4<S, V>(a, b, blocks, sums);
                break;
            case 2:
                Rows2<S, V>(a, b, blocks, sums);
                break;
            case 1:
                Rows1<S, V>(a, b, blocks, sums);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(height), height, "No kernel of this height.");
        }
    }

    // Adds a block's sums of one row.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<S, V>(int row, V left, V right, V scaleLeft, V scaleRight, float* sums)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        float* to = sums + (row * 2 * S.Width);
        S.Store(to, S.Fma(S.ToFloats(left), scaleLeft, S.Load(to)));
        S.Store(to + S.Width, S.Fma(S.ToFloats(right), scaleRight, S.Load(to + S.Width)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows12<S, V>(float* a, byte* b, int blocks, float* sums)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        for (; blocks > 0; blocks--)
        {
            uint* scales = (uint*)b;
            b += QuantisedPanels<S, V>.HeaderBytes;
            V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero, l2 = S.Zero, r2 = S.Zero, l3 = S.Zero, r3 = S.Zero;
            V l4 = S.Zero, r4 = S.Zero, l5 = S.Zero, r5 = S.Zero, l6 = S.Zero, r6 = S.Zero, l7 = S.Zero, r7 = S.Zero;
            V l8 = S.Zero, r8 = S.Zero, l9 = S.Zero, r9 = S.Zero, l10 = S.Zero, r10 = S.Zero;
            V l11 = S.Zero, r11 = S.Zero;
            for (int pair = QuantisedPanels<S, V>.Pairs; pair > 0; pair--)
            {
                S.Prefetch((float*)(b + Ahead));
                V left = S.LoadPairs((sbyte*)b);
                V right = S.LoadPairs((sbyte*)b + (2 * S.Width));
                V x = S.Splat(*a);
                l0 = S.DotPairs(l0, left, x);
                r0 = S.DotPairs(r0, right, x);
                x = S.Splat(a[1]);
                l1 = S.DotPairs(l1, left, x);
                r1 = S.DotPairs(r1, right, x);
                x = S.Splat(a[2]);
                l2 = S.DotPairs(l2, left, x);
                r2 = S.DotPairs(r2, right, x);
                x = S.Splat(a[3]);
                l3 = S.DotPairs(l3, left, x);
                r3 = S.DotPairs(r3, right, x);
                x = S.Splat(a[4]);
                l4 = S.DotPairs(l4, left, x);
                r4 = S.DotPairs(r4, right, x);
                x = S.Splat(a[5]);
                l5 = S.DotPairs(l5, left, x);
                r5 = S.DotPairs(r5, right, x);
                x = S.Splat(a[6]);
                l6 = S.DotPairs(l6, left, x);
                r6 = S.DotPairs(r6, right, x);
                x = S.Splat(a[7]);
                l7 = S.DotPairs(l7, left, x);
                r7 = S.DotPairs(r7, right, x);
                x = S.Splat(a[8]);
                l8 = S.DotPairs(l8, left, x);
                r8 = S.DotPairs(r8, right, x);
                x = S.Splat(a[9]);
                l9 = S.DotPairs(l9, left, x);
                r9 = S.DotPairs(r9, right, x);
                x = S.Splat(a[10]);
                l10 = S.DotPairs(l10, left, x);
                r10 = S.DotPairs(r10, right, x);
                x = S.Splat(a[11]);
                l11 = S.DotPairs(l11, left, x);
                r11 = S.DotPairs(r11, right, x);
                a += 12;
                b += QuantisedPanels<S, V>.PairBytes;
            }

            V scaleLeft = S.LoadLowHalves(scales);
            V scaleRight = S.LoadHighHalves(scales);
            Add<S, V>(0, l0, r0, scaleLeft, scaleRight, sums);
            Add<S, V>(1, l1, r1, scaleLeft, scaleRight, sums);
            Add<S, V>(2, l2, r2, scaleLeft, scaleRight, sums);
            Add<S, V>(3, l3, r3, scaleLeft, scaleRight, sums);
            Add<S, V>(4, l4, r4, scaleLeft, scaleRight, sums);
            Add<S, V>(5, l5, r5, scaleLeft, scaleRight, sums);
            Add<S, V>(6, l6, r6, scaleLeft, scaleRight, sums);
            Add<S, V>(7, l7, r7, scaleLeft, scaleRight, sums);
            Add<S, V>(8, l8, r8, scaleLeft, scaleRight, sums);
            Add<S, V>(9, l9, r9, scaleLeft, scaleRight, sums);
            Add<S, V>(10, l10, r10, scaleLeft, scaleRight, sums);
            Add<S, V>(11, l11, r11, scaleLeft, scaleRight, sums);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8<S, V>(float* a, byte* b, int blocks, float* sums)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        for (; blocks > 0; blocks--)
        {
            uint* scales = (uint*)b;
            b += QuantisedPanels<S, V>.HeaderBytes;
            V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero, l2 = S.Zero, r2 = S.Zero, l3 = S.Zero, r3 = S.Zero;
            V l4 = S.Zero, r4 = S.Zero, l5 = S.Zero, r5 = S.Zero, l6 = S.Zero, r6 = S.Zero, l7 = S.Zero, r7 = S.Zero;
            for (int pair = QuantisedPanels<S, V>.Pairs; pair > 0; pair--)
            {
                S.Prefetch((float*)(b + Ahead));
                V left = S.LoadPairs((sbyte*)b);
                V right = S.LoadPairs((sbyte*)b + (2 * S.Width));
                V x = S.Splat(*a);
                l0 = S.DotPairs(l0, left, x);
                r0 = S.DotPairs(r0, right, x);
                x = S.Splat(a[1]);
                l1 = S.DotPairs(l1, left, x);
                r1 = S.DotPairs(r1, right, x);
                x = S.Splat(a[2]);
                l2 = S.DotPairs(l2, left, x);
                r2 = S.DotPairs(r2, right, x);
                x = S.Splat(a[3]);
                l3 = S.DotPairs(l3, left, x);
                r3 = S.DotPairs(r3, right, x);
                x = S.Splat(a[4]);
                l4 = S.DotPairs(l4, left, x);
                r4 = S.DotPairs(r4, right, x);
                x = S.Splat(a[5]);
                l5 = S.DotPairs(l5, left, x);
                r5 = S.DotPairs(r5, right, x);
                x = S.Splat(a[6]);
                l6 = S.DotPairs(l6, left, x);
                r6 = S.DotPairs(r6, right, x);
                x = S.Splat(a[7]);
                l7 = S.DotPairs(l7, left, x);
                r7 = S.DotPairs(r7, right, x);
                a += 8;
                b += QuantisedPanels<S, V>.PairBytes;
            }

            V scaleLeft = S.LoadLowHalves(scales);
            V scaleRight = S.LoadHighHalves(scales);
            Add<S, V>(0, l0, r0, scaleLeft, scaleRight, sums);
            Add<S, V>(1, l1, r1, scaleLeft, scaleRight, sums);
            Add<S, V>(2, l2, r2, scaleLeft, scaleRight, sums);
            Add<S, V>(3, l3, r3, scaleLeft, scaleRight, sums);
            Add<S, V>(4, l4, r4, scaleLeft, scaleRight, sums);
            Add<S, V>(5, l5, r5, scaleLeft, scaleRight, sums);
            Add<S, V>(6, l6, r6, scaleLeft, scaleRight, sums);
            Add<S, V>(7, l7, r7, scaleLeft, scaleRight, sums);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6<S, V>(float* a, byte* b, int blocks, float* sums)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        for (; blocks > 0; blocks--)
        {
            uint* scales = (uint*)b;
            b += QuantisedPanels<S, V>.HeaderBytes;
            V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero, l2 = S.Zero, r2 = S.Zero, l3 = S.Zero, r3 = S.Zero;
            V l4 = S.Zero, r4 = S.Zero, l5 = S.Zero, r5 = S.Zero;
            for (int pair = QuantisedPanels<S, V>.Pairs; pair > 0; pair--)
            {
                S.Prefetch((float*)(b + Ahead));
                V left = S.LoadPairs((sbyte*)b);
                V right = S.LoadPairs((sbyte*)b + (2 * S.Width));
                V x = S.Splat(*a);
                l0 = S.DotPairs(l0, left, x);
                r0 = S.DotPairs(r0, right, x);
                x = S.Splat(a[1]);
                l1 = S.DotPairs(l1, left, x);
                r1 = S.DotPairs(r1, right, x);
                x = S.Splat(a[2]);
                l2 = S.DotPairs(l2, left, x);
                r2 = S.DotPairs(r2, right, x);
                x = S.Splat(a[3]);
                l3 = S.DotPairs(l3, left, x);
                r3 = S.DotPairs(r3, right, x);
                x = S.Splat(a[4]);
                l4 = S.DotPairs(l4, left, x);
                r4 = S.DotPairs(r4, right, x);
                x = S.Splat(a[5]);
                l5 = S.DotPairs(l5, left, x);
                r5 = S.DotPairs(r5, right, x);
                a += 6;
                b += QuantisedPanels<S, V>.PairBytes;
            }

            V scaleLeft = S.LoadLowHalves(scales);
            V scaleRight = S.LoadHighHalves(scales);
            Add<S, V>(0, l0, r0, scaleLeft, scaleRight, sums);
            Add<S, V>(1, l1, r1, scaleLeft, scaleRight, sums);
            Add<S, V>(2, l2, r2, scaleLeft, scaleRight, sums);
            Add<S, V>(3, l3, r3, scaleLeft, scaleRight, sums);
            Add<S, V>(4, l4, r4, scaleLeft, scaleRight, sums);
            Add<S, V>(5, l5, r5, scaleLeft, scaleRight, sums);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<S, V>(float* a, byte* b, int blocks, float* sums)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        for (; blocks > 0; blocks--)
        {
            uint* scales = (uint*)b;
            b += QuantisedPanels<S, V>.HeaderBytes;
            V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero, l2 = S.Zero, r2 = S.Zero, l3 = S.Zero, r3 = S.Zero;
            for (int pair = QuantisedPanels<S, V>.Pairs; pair > 0; pair--)
            {
                S.Prefetch((float*)(b + Ahead));
                V left = S.LoadPairs((sbyte*)b);
                V right = S.LoadPairs((sbyte*)b + (2 * S.Width));
                V x = S.Splat(*a);
                l0 = S.DotPairs(l0, left, x);
                r0 = S.DotPairs(r0, right, x);
                x = S.Splat(a[1]);
                l1 = S.DotPairs(l1, left, x);
                r1 = S.DotPairs(r1, right, x);
                x = S.Splat(a[2]);
                l2 = S.DotPairs(l2, left, x);
                r2 = S.DotPairs(r2, right, x);
                x = S.Splat(a[3]);
                l3 = S.DotPairs(l3, left, x);
                r3 = S.DotPairs(r3, right, x);
                a += 4;
                b += QuantisedPanels<S, V>.PairBytes;
            }

            V scaleLeft = S.LoadLowHalves(scales);
            V scaleRight = S.LoadHighHalves(scales);
            Add<S, V>(0, l0, r0, scaleLeft, scaleRight, sums);
            Add<S, V>(1, l1, r1, scaleLeft, scaleRight, sums);
            Add<S, V>(2, l2, r2, scaleLeft, scaleRight, sums);
            Add<S, V>(3, l3, r3, scaleLeft, scaleRight, sums);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2<S, V>(float* a, byte* b, int blocks, float* sums)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        for (; blocks > 0; blocks--)
        {
            uint* scales = (uint*)b;
            b += QuantisedPanels<S, V>.HeaderBytes;
            V l0 = S.Zero, r0 = S.Zero, l1 = S.Zero, r1 = S.Zero;
            for (int pair = QuantisedPanels<S, V>.Pairs; pair > 0; pair--)
            {
                S.Prefetch((float*)(b + Ahead));
                V left = S.LoadPairs((sbyte*)b);
                V right = S.LoadPairs((sbyte*)b + (2 * S.Width));
                V x = S.Splat(*a);
                l0 = S.DotPairs(l0, left, x);
                r0 = S.DotPairs(r0, right, x);
                x = S.Splat(a[1]);
                l1 = S.DotPairs(l1, left, x);
                r1 = S.DotPairs(r1, right, x);
                a += 2;
                b += QuantisedPanels<S, V>.PairBytes;
            }

            V scaleLeft = S.LoadLowHalves(scales);
            V scaleRight = S.LoadHighHalves(scales);
            Add<S, V>(0, l0, r0, scaleLeft, scaleRight, sums);
            Add<S, V>(1, l1, r1, scaleLeft, scaleRight, sums);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1<S, V>(float* a, byte* b, int blocks, float* sums)
        where S : struct, ISimd<V>
        where V : unmanaged
    {
        for (; blocks > 0; blocks--)
        {
            uint* scales = (uint*)b;
            b += QuantisedPanels<S, V>.HeaderBytes;
            V l0 = S.Zero, r0 = S.Zero;
            for (int pair = QuantisedPanels<S, V>.Pairs; pair > 0; pair--)
            {
                S.Prefetch((float*)(b + Ahead));
                V left = S.LoadPairs((sbyte*)b);
                V right = S.LoadPairs((sbyte*)b + (2 * S.Width));
                V x = S.Splat(*a);
                l0 = S.DotPairs(l0, left, x);
                r0 = S.DotPairs(r0, right, x);
                a += 1;
                b += QuantisedPanels<S, V>.PairBytes;
            }

            V scaleLeft = S.LoadLowHalves(scales);
            V scaleRight = S.LoadHighHalves(scales);
            Add<S, V>(0, l0, r0, scaleLeft, scaleRight, sums);
        }
    }
}
