using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints;

/// <summary>
/// Little-endian bytes of a checkpoint to numbers and back. Rounding to a narrower float is to nearest, ties to even,
/// as in PyTorch; NaN stays NaN.
/// </summary>
internal static class ElementConverter
{
    private static readonly float[] s_e4m3 = MakeF8Table(exponentBits: 4, bias: 7, finite: true);
    private static readonly float[] s_e5m2 = MakeF8Table(exponentBits: 5, bias: 15, finite: false);

    /// <summary>Reads <c>destination.Length</c> elements of the type from the start of the bytes.</summary>
    public static void ToF32(ElementType type, ReadOnlySpan<byte> bytes, Span<float> destination)
    {
        bytes = bytes[..(destination.Length * type.Size())];
        switch (type)
        {
            case ElementType.F32:
                bytes.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case ElementType.BF16:
                WidenBF16(MemoryMarshal.Cast<byte, ushort>(bytes), destination);
                break;
            case ElementType.F16:
                ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (int i = 0; i < halves.Length; i++)
                {
                    destination[i] = (float)halves[i];
                }

                break;
            case ElementType.F64:
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(i * 8)..]);
                }

                break;
            case ElementType.F8_E4M3:
            case ElementType.F8_E5M2:
                float[] table = type == ElementType.F8_E4M3 ? s_e4m3 : s_e5m2;
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = table[bytes[i]];
                }

                break;
            case ElementType.U64:
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(i * 8)..]);
                }

                break;
            default:
                int size = type.Size();
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = ReadInteger(type, bytes.Slice(i * size, size));
                }

                break;
        }
    }

    /// <summary>
    /// Reads integers or booleans; a U64 above the signed range becomes <see cref="long.MaxValue"/>.
    /// </summary>
    public static void ToI64(ElementType type, ReadOnlySpan<byte> bytes, Span<long> destination)
    {
        int size = type.Size();
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = ReadInteger(type, bytes.Slice(i * size, size));
        }
    }

    /// <summary>Writes F32 numbers as the type; integers are rounded to nearest even and saturate.</summary>
    public static void FromF32(ReadOnlySpan<float> source, ElementType type, Span<byte> destination)
    {
        int size = type.Size();
        if (type == ElementType.F32)
        {
            MemoryMarshal.AsBytes(source).CopyTo(destination);
            return;
        }

        for (int i = 0; i < source.Length; i++)
        {
            Span<byte> to = destination.Slice(i * size, size);
            switch (type)
            {
                case ElementType.BF16:
                    BinaryPrimitives.WriteUInt16LittleEndian(to, BFloat16.Round(source[i]));
                    break;
                case ElementType.F16:
                    BinaryPrimitives.WriteHalfLittleEndian(to, (Half)source[i]);
                    break;
                case ElementType.F64:
                    BinaryPrimitives.WriteDoubleLittleEndian(to, source[i]);
                    break;
                case ElementType.F8_E4M3:
                case ElementType.F8_E5M2:
                    throw new NotSupportedException($"Checkpoints are not written in {type}.");
                default:
                    // long.MaxValue is the saturation of 2^63: the cast saturates in .NET.
                    WriteInteger(type, (long)MathF.Round(source[i]), to);
                    break;
            }
        }
    }

    /// <summary>
    /// Writes integers as an integer type or BOOL; a value outside of the type is cut to its low bits.
    /// </summary>
    public static void FromI64(ReadOnlySpan<long> source, ElementType type, Span<byte> destination)
    {
        int size = type.Size();
        for (int i = 0; i < source.Length; i++)
        {
            WriteInteger(type, source[i], destination.Slice(i * size, size));
        }
    }

    private static void WidenBF16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(destination);
        int width = Vector<ushort>.Count;
        int i = 0;
        for (; i <= source.Length - width; i += width)
        {
            Vector.Widen(new Vector<ushort>(source[i..]), out Vector<uint> low, out Vector<uint> high);
            (low << 16).CopyTo(bits[i..]);
            (high << 16).CopyTo(bits[(i + (width / 2))..]);
        }

        for (; i < source.Length; i++)
        {
            bits[i] = (uint)source[i] << 16;
        }
    }

    private static long ReadInteger(ElementType type, ReadOnlySpan<byte> bytes) => type switch
    {
        ElementType.I64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        ElementType.I32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
        ElementType.I16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
        ElementType.I8 => (sbyte)bytes[0],
        ElementType.U64 => (long)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(bytes), long.MaxValue),
        ElementType.U32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        ElementType.U16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        ElementType.U8 => bytes[0],
        ElementType.BOOL => bytes[0] != 0 ? 1 : 0,
        _ => throw new NotSupportedException($"{type} is not an integer type."),
    };

    private static void WriteInteger(ElementType type, long value, Span<byte> to)
    {
        switch (type.Size())
        {
            case 8:
                BinaryPrimitives.WriteInt64LittleEndian(to, value);
                break;
            case 4:
                BinaryPrimitives.WriteInt32LittleEndian(to, (int)value);
                break;
            case 2:
                BinaryPrimitives.WriteInt16LittleEndian(to, (short)value);
                break;
            default:
                to[0] = type == ElementType.BOOL ? (byte)(value != 0 ? 1 : 0) : (byte)value;
                break;
        }
    }

    private static float[] MakeF8Table(int exponentBits, int bias, bool finite)
    {
        int mantissaBits = 7 - exponentBits;
        int exponentTop = (1 << exponentBits) - 1;
        int mantissaTop = (1 << mantissaBits) - 1;
        float[] table = new float[256];
        for (int code = 0; code < 256; code++)
        {
            int exponent = (code >> mantissaBits) & exponentTop;
            int mantissa = code & mantissaTop;
            double fraction = mantissa / (double)(mantissaTop + 1);
            double value = exponent == 0
                ? fraction * Math.Pow(2, 1 - bias)
                : (1 + fraction) * Math.Pow(2, exponent - bias);
            if (exponent == exponentTop && !finite)
            {
                value = mantissa == 0 ? double.PositiveInfinity : double.NaN;
            }
            else if (exponent == exponentTop && mantissa == mantissaTop)
            {
                value = double.NaN;
            }

            table[code] = (float)(code < 128 ? value : -value);
        }

        return table;
    }
}
