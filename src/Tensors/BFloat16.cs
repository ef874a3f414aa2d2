using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PixSearch.Tensors;

/// <summary>Numbers of 16 bits that are the upper half of an F32.</summary>
public static class BFloat16
{
    // Keeps a not-a-number one whose other set bits are in the lower half.
    private const uint Quiet = 0x40;

    /// <summary>The nearest one, ties to even; too large numbers become infinite.</summary>
    public static ushort Round(float x)
    {
        uint bits = BitConverter.SingleToUInt32Bits(x);
        return (ushort)(float.IsNaN(x) ? (bits >> 16) | Quiet : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>
    /// The same for bits of F32: the result is the upper half of each word, the lower one is not cleared.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<uint> RoundUpper(Vector256<uint> bits)
    {
        Vector256<uint> rounded = bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One);
        Vector256<uint> isNumber = Vector256.Equals(bits.AsSingle(), bits.AsSingle()).AsUInt32();
        return Vector256.ConditionalSelect(isNumber, rounded, bits | Vector256.Create(Quiet << 16));
    }

    /// <summary>The same number as F32.</summary>
    public static float Widen(ushort x) => BitConverter.UInt32BitsToSingle((uint)x << 16);
}
