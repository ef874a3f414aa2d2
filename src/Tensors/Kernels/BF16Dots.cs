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
        float* rest = stackalloc float[StepNumbers];
        for (; k > 0; k -= StepNumbers, x += StepNumbers, to += DotCode.StepPairs)
        {
            float* from = x;
            if (k < StepNumbers)
            {
                new Span<float>(rest, StepNumbers).Clear();
                new ReadOnlySpan<float>(x, k).CopyTo(new Span<float>(rest, StepNumbers));
                from = rest;
            }

            // Each two numbers are the halves of a word.
            Vector256<ulong> words = BFloat16.RoundUpper(Vector256.Load((uint*)from)).AsUInt64();
            Vector256<ulong> pairs = ((words >> 16) & Vector256.Create(0xFFFFul))
                | ((words >> 32) & Vector256.Create(0xFFFF0000ul));
            Vector256.Narrow(pairs, Vector256<ulong>.Zero).GetLower().Store((uint*)to);
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
}
