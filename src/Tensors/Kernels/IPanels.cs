using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// How the right side of a product is stored in panels of 2 * Width columns, and how a row of a panel becomes two
/// vectors. Arithmetic is F32 for all.
/// </summary>
internal unsafe interface IPanels<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <summary>Rows of k that share a header of scales; 0: no header.</summary>
    static abstract int BlockRows { get; }

    /// <summary>Bytes of a block's header.</summary>
    static abstract int HeaderBytes { get; }

    /// <summary>Bytes of a row of a panel.</summary>
    static abstract int RowBytes { get; }

    /// <summary>Left half of a header.</summary>
    static abstract V ScaleLeft(byte* header);

    /// <summary>Right half of a header.</summary>
    static abstract V ScaleRight(byte* header);

    /// <summary>Left half of a row.</summary>
    static abstract V Left(byte* row, V scale);

    /// <summary>Right half of a row.</summary>
    static abstract V Right(byte* row, V scale);
}

/// <summary>F32 panels: rows of 2 * Width floats.</summary>
internal readonly unsafe struct PanelsF32<S, V> : IPanels<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int BlockRows => 0;

    public static int HeaderBytes => 0;

    public static int RowBytes => 2 * S.Width * sizeof(float);

    public static V ScaleLeft(byte* header) => S.Zero;

    public static V ScaleRight(byte* header) => S.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Left(byte* row, V scale) => S.Load((float*)row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Right(byte* row, V scale) => S.Load((float*)row + S.Width);
}

/// <summary>
/// BF16 panels: word j of a row holds column j in its lower half and column j + Width in its upper one, so that each
/// vector is one shift or one mask away, without shuffles.
/// </summary>
internal readonly unsafe struct PanelsBF16<S, V> : IPanels<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int BlockRows => 0;

    public static int HeaderBytes => 0;

    public static int RowBytes => S.Width * sizeof(uint);

    public static V ScaleLeft(byte* header) => S.Zero;

    public static V ScaleRight(byte* header) => S.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Left(byte* row, V scale) => S.LoadLowHalves((uint*)row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Right(byte* row, V scale) => S.LoadHighHalves((uint*)row);
}

/// <summary>
/// Q8 panels: blocks of 32 rows of k, each with a header of one F32 scale a column, then rows of signed bytes. Padded
/// with zeros to whole blocks.
/// </summary>
internal readonly unsafe struct PanelsQ8<S, V> : IPanels<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <summary>Numbers that share a scale.</summary>
    public const int Block = 32;

    public static int BlockRows => Block;

    public static int HeaderBytes => 2 * S.Width * sizeof(float);

    public static int RowBytes => 2 * S.Width;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V ScaleLeft(byte* header) => S.Load((float*)header);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V ScaleRight(byte* header) => S.Load((float*)header + S.Width);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Left(byte* row, V scale) => S.Multiply(S.LoadBytes((sbyte*)row), scale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Right(byte* row, V scale) => S.Multiply(S.LoadBytes((sbyte*)row + S.Width), scale);
}

/// <summary>Where things lie in panels.</summary>
internal static class PanelLayout
{
    /// <summary>Bytes of a panel of k rows.</summary>
    public static long PanelBytes<S, V, L>(int k)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V> => L.BlockRows == 0
        ? (long)k * L.RowBytes
        : (long)((k + L.BlockRows - 1) / L.BlockRows) * (L.HeaderBytes + (L.BlockRows * L.RowBytes));

    /// <summary>Offset of row k0 in a panel; k0 begins a block.</summary>
    public static long RowOffset<S, V, L>(int k0)
        where S : struct, ISimd<V>
        where V : unmanaged
        where L : struct, IPanels<S, V> => L.BlockRows == 0
        ? (long)k0 * L.RowBytes
        : (long)(k0 / L.BlockRows) * (L.HeaderBytes + (L.BlockRows * L.RowBytes));
}
