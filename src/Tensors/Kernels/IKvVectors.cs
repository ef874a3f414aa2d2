using System.Runtime.CompilerServices;

namespace PixSearch.Tensors;

/// <summary>
/// How a kernel reads the heads of one <see cref="KvType"/> (<see cref="KvCell"/>): two vectors at a time, of numbers
/// that lie 16 apart.
/// </summary>
internal unsafe interface IKvVectors<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <summary>What it reads.</summary>
    static abstract KvType Type { get; }

    /// <summary>Numbers from <see cref="KvVectors.Element"/> of a word on.</summary>
    static abstract V Low(float* cell, int word);

    /// <summary>Those 16 further on.</summary>
    static abstract V High(float* cell, int word);
}

/// <summary>Where words and numbers stand.</summary>
internal static class KvVectors
{
    /// <summary>Words of the whole groups of a head; what is behind them is read one by one.</summary>
    public static int Words(int size) => size / KvCell.Group * KvCell.Group / 2;

    /// <summary>The number in the lower half of a word of a whole group.</summary>
    public static int Element(int word) => word + (word / 16 * 16);
}

/// <summary>F32: the numbers themselves.</summary>
internal readonly unsafe struct KvF32<S, V> : IKvVectors<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <inheritdoc/>
    public static KvType Type => KvType.F32;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Low(float* cell, int word) => S.Load(cell + KvVectors.Element(word));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V High(float* cell, int word) => S.Load(cell + KvVectors.Element(word) + (KvCell.Group / 2));
}

/// <summary>BF16: one shift or one mask.</summary>
internal readonly unsafe struct KvBF16<S, V> : IKvVectors<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <inheritdoc/>
    public static KvType Type => KvType.BF16;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Low(float* cell, int word) => S.LoadLowHalves((uint*)cell + word);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V High(float* cell, int word) => S.LoadHighHalves((uint*)cell + word);
}
