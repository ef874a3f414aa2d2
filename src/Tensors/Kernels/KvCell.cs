using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PixSearch.Tensors;

/// <summary>
/// One head of one position in the pages of a host backend. F32: its numbers. BF16: words of two numbers; of each 32 in
/// a row (fewer at the end), word i holds number i in its lower half and number i + 16 (i + half of them) in its upper
/// one, so that a vector of numbers is one shift or one mask away.
/// </summary>
internal static unsafe class KvCell
{
    /// <summary>Numbers whose two halves share words.</summary>
    public const int Group = 32;

    private const int Half = Group / 2;

    /// <summary>Floats of memory that a head takes.</summary>
    public static int Words(KvType type, int size) => type == KvType.F32 ? size : size / 2;

    /// <summary>Stores heads [heads, size] one after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(KvType type, float* from, int heads, int size, float* to)
    {
        if (type == KvType.F32)
        {
            new ReadOnlySpan<float>(from, heads * size).CopyTo(new Span<float>(to, heads * size));
            return;
        }

        for (int head = 0; head < heads; head++, from += size, to += size / 2)
        {
            int e = 0;
            for (; e + Group <= size; e += Group)
            {
                for (int i = 0; i < Half; i += Vector256<float>.Count)
                {
                    Vector256<uint> low = BFloat16.RoundUpper(Vector256.Load((uint*)from + e + i));
                    Vector256<uint> high = BFloat16.RoundUpper(Vector256.Load((uint*)from + e + Half + i));
                    ((low >> 16) | (high & Vector256.Create(0xFFFF0000u))).Store((uint*)to + (e / 2) + i);
                }
            }

            int rest = (size - e) / 2;
            for (int i = 0; i < rest; i++)
            {
                ((uint*)to)[(e / 2) + i] =
                    BFloat16.Round(from[e + i]) | ((uint)BFloat16.Round(from[e + rest + i]) << 16);
            }
        }
    }

    /// <summary>Heads [heads, size] as F32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Read(KvType type, float* from, int heads, int size, float* to)
    {
        if (type == KvType.F32)
        {
            new ReadOnlySpan<float>(from, heads * size).CopyTo(new Span<float>(to, heads * size));
            return;
        }

        for (int head = 0; head < heads; head++, from += size / 2, to += size)
        {
            int e = 0;
            for (; e + Group <= size; e += Group)
            {
                for (int i = 0; i < Half; i += Vector256<float>.Count)
                {
                    Vector256<uint> words = Vector256.Load((uint*)from + (e / 2) + i);
                    (words << 16).Store((uint*)to + e + i);
                    (words & Vector256.Create(0xFFFF0000u)).Store((uint*)to + e + Half + i);
                }
            }

            for (; e < size; e++)
            {
                to[e] = At(type, from, e, size);
            }
        }
    }

    /// <summary>One number of a head.</summary>
    public static float At(KvType type, float* cell, int e, int size)
    {
        if (type == KvType.F32)
        {
            return cell[e];
        }

        int start = e / Group * Group;
        int half = Math.Min(Group, size - start) / 2;
        uint word = ((uint*)cell)[(start / 2) + ((e - start) % half)];
        return BitConverter.UInt32BitsToSingle(e - start < half ? word << 16 : word & 0xFFFF0000u);
    }

    /// <summary>Keys or values of a sequence from its pages. Shape: [positions, heads, size].</summary>
    public static void Gather(KvStore store, float* pages, in PagedSequence sequence, float* to)
    {
        int end = sequence.Start + sequence.RowCount;
        int width = store.Heads * store.HeadSize;
        ReadOnlySpan<int> order = sequence.Pages.Span;
        for (int first = 0; first < end; first += store.PageSize, to += (long)store.PageSize * width)
        {
            long from = (long)order[first / store.PageSize] * store.PageSize * store.Heads * store.Cell;
            int cells = Math.Min(store.PageSize, end - first) * store.Heads;
            Read(store.Type, pages + from, cells, store.HeadSize, to);
        }
    }
}
