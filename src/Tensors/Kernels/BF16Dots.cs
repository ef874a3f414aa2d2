using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PixSearch.Tensors;

/// <summary>
/// Products of BF16 weights with activations rounded to BF16, by <see cref="DotCode"/>: an element is the F32 sum over
/// pairs of k, in order, of two products. What serving in PyTorch does, at twice the rate of F32.
/// </summary>
/// <remarks>
/// Panels of 32 columns hold pairs of rows, so that the two numbers of a column are one lane. Shape: [pair][32][2],
/// padded with zeros to whole steps of the kernels. Numbers below 2^-126 count as zero.
/// </remarks>
internal readonly unsafe struct BF16Dots : ITileProduct
{
    /// <summary>Columns of a panel.</summary>
    public const int Columns = 32;

    private const int StepNumbers = 2 * DotCode.StepPairs;
    private const int Half = 8;

    /// <inheritdoc/>
    public static int RowFloats(int k) => Steps(k) * DotCode.StepPairs;

    /// <inheritdoc/>
    public static float RowScale(float* x, int k) => 1;

    /// <inheritdoc/>
    public static long PanelBytes(int k) => (long)Steps(k) * StepNumbers * Columns * sizeof(ushort);

    /// <summary>Packs a weight [out, in]. Runs once a weight, so it is written for reading.</summary>
    public static void Pack(float* weight, int output, int input, byte* packed)
    {
        int panels = (output + Columns - 1) / Columns;
        for (int panel = 0; panel < panels; panel++, packed += PanelBytes(input))
        {
            new Span<byte>(packed, (int)PanelBytes(input)).Clear();
            for (int j = 0; j < Columns && (panel * Columns) + j < output; j++)
            {
                float* row = weight + ((long)((panel * Columns) + j) * input);
                for (int k = 0; k < input; k++)
                {
                    ((ushort*)packed)[Place(j, k)] = BFloat16.Round(row[k]);
                }
            }
        }
    }

    /// <summary>Element [row, k] of the weight, a number of column <paramref name="row"/>, as F32.</summary>
    public static float At(byte* packed, int input, int row, int k) => BFloat16.Widen(
        ((ushort*)(packed + (row / Columns * PanelBytes(input))))[Place(row % Columns, k)]);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackRow(float* x, int k, float scale, float* to)
    {
        float* rest = stackalloc float[Half];
        int left = Steps(k) * StepNumbers;
        for (; left >= 2 * Half && k >= 2 * Half; left -= 2 * Half, k -= 2 * Half, x += 2 * Half, to += Half)
        {
            RoundPairs(Vector512.Load((uint*)x)).Store((uint*)to);
        }

        for (; left > 0; left -= Half, k -= Half, x += Half, to += Half / 2)
        {
            new Span<float>(rest, Half).Clear();
            new ReadOnlySpan<float>(x, Math.Clamp(k, 0, Half)).CopyTo(new Span<float>(rest, Half));
            Vector256<uint> padded = Vector256.Load((uint*)rest);
            RoundPairs(Vector512.Create(padded, padded)).GetLower().Store((uint*)to);
        }
    }

    /// <inheritdoc/>
    public static void Run(int height, float* a, byte* b, int k, float* sums)
    {
        if (k == 0)
        {
            new Span<float>(sums, height * Columns).Clear();
            return;
        }

        DotCode.Instance!.BF16(height)(a, b, Steps(k), sums);
    }

    private static int Steps(int k) => (k + StepNumbers - 1) / StepNumbers;

    private static int Place(int column, int k) => (k / 2 * 2 * Columns) + (column * 2) + (k % 2);

    // BFloat16.Round of 16 numbers; each two of them are the halves of a word.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> RoundPairs(Vector512<uint> bits)
    {
        Vector512<uint> rounded = bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One);
        Vector512<float> numbers = bits.AsSingle();
        Vector512<uint> quiet = bits | Vector512.Create(0x400000u);
        Vector512<uint> halves = Vector512.ConditionalSelect(Vector512.Equals(numbers, numbers).AsUInt32(), rounded,
            quiet);
        Vector512<ulong> words = halves.AsUInt64();
        Vector512<ulong> pairs = ((words >> 16) & Vector512.Create(0xFFFFul))
            | ((words >> 32) & Vector512.Create(0xFFFF0000ul));
        return Vector512.Narrow(pairs, Vector512<ulong>.Zero).GetLower();
    }
}
