namespace PixSearch.Tensors;

/// <summary>
/// Q8 weights as right side: panels of 2 * Width columns in blocks of 32 rows of k, each a header with one BF16 scale a
/// column (as a row of <see cref="PanelsBF16{S, V}"/>) and then 16 pairs of rows. Shape of a pair: [half of the
/// panel][Width][2], so that the two numbers of a column are one lane of a dot product of pairs. Padded with zeros to
/// whole blocks.
/// </summary>
internal static unsafe class QuantisedPanels<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <summary>Numbers of a column that share a scale.</summary>
    public const int Block = Q8Block.Size;

    /// <summary>Pairs of a block.</summary>
    public const int Pairs = Block / 2;

    /// <summary>Bytes of a block's scales.</summary>
    public static int HeaderBytes => S.Width * sizeof(uint);

    /// <summary>Bytes of a pair of rows.</summary>
    public static int PairBytes => 2 * S.Width * 2;

    /// <summary>Bytes of a block.</summary>
    public static int BlockBytes => HeaderBytes + (Pairs * PairBytes);

    /// <summary>Blocks along k.</summary>
    public static int Blocks(int k) => (k + Block - 1) / Block;

    /// <summary>Bytes of a panel of k rows.</summary>
    public static long PanelBytes(int k) => (long)Blocks(k) * BlockBytes;

    /// <summary>
    /// Packs a weight [out, in] as <see cref="Q8Block"/> says. Runs once a weight, so it is written for reading.
    /// </summary>
    public static void Pack(float* weight, int output, int input, byte* packed)
    {
        int width = 2 * S.Width;
        for (int panel = 0; panel < Gemm.Panels<S, V>(output); panel++)
        {
            for (int k0 = 0; k0 < input; k0 += Block, packed += BlockBytes)
            {
                new Span<byte>(packed, BlockBytes).Clear();
                for (int j = 0; j < width && (panel * width) + j < output; j++)
                {
                    PackColumn(weight + ((long)((panel * width) + j) * input) + k0, Math.Min(Block, input - k0), j,
                        packed);
                }
            }
        }
    }

    /// <summary>Element [row, k] of the weight, a number of column <paramref name="row"/>, as F32.</summary>
    public static float At(byte* packed, int input, int row, int k)
    {
        int width = 2 * S.Width;
        byte* block = packed + (row / width * PanelBytes(input)) + ((long)(k / Block) * BlockBytes);
        float scale = BFloat16.Widen(((ushort*)block)[ScalePlace(row % width)]);
        return scale * ((sbyte*)block)[Place(row % width, k % Block)];
    }

    private static void PackColumn(float* x, int count, int column, byte* block)
    {
        ushort scale = Q8Block.Scale(new ReadOnlySpan<float>(x, count));
        ((ushort*)block)[ScalePlace(column)] = scale;
        for (int i = 0; i < count; i++)
        {
            ((sbyte*)block)[Place(column, i)] = Q8Block.Round(x[i], scale);
        }
    }

    // Half word of the header that holds a column's scale.
    private static int ScalePlace(int column) => column < S.Width ? 2 * column : (2 * (column - S.Width)) + 1;

    // Byte of a block that holds a number of a column.
    private static int Place(int column, int k) => HeaderBytes + (k / 2 * PairBytes) + (column * 2) + (k % 2);
}
