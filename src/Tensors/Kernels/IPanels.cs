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
    /// <summary>Bytes of a row of a panel.</summary>
    static abstract int RowBytes { get; }

    /// <summary>Left half of a row.</summary>
    static abstract V Left(byte* row);

    /// <summary>Right half of a row.</summary>
    static abstract V Right(byte* row);
}

/// <summary>F32 panels: rows of 2 * Width floats.</summary>
internal readonly unsafe struct PanelsF32<S, V> : IPanels<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int RowBytes => 2 * S.Width * sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Left(byte* row) => S.Load((float*)row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Right(byte* row) => S.Load((float*)row + S.Width);
}

/// <summary>
/// BF16 panels: word j of a row holds column j in its lower half and column j + Width in its upper one, so that each
/// vector is one shift or one mask away, without shuffles.
/// </summary>
internal readonly unsafe struct PanelsBF16<S, V> : IPanels<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    public static int RowBytes => S.Width * sizeof(uint);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Left(byte* row) => S.LoadLowHalves((uint*)row);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Right(byte* row) => S.LoadHighHalves((uint*)row);
}
