namespace PixSearch.Tensors;

/// <summary>Weights in panels of fewer bits, and back. Runs once a weight, so it is written for reading.</summary>
internal static unsafe class WeightPacking<S, V>
    where S : struct, ISimd<V>
    where V : unmanaged
{
    /// <summary>BF16, rounded to nearest, ties to even: exact for weights that were stored as BF16.</summary>
    public static void PackBF16(float* weight, int output, int input, byte* packed)
    {
        var words = (uint*)packed;
        for (int panel = 0; panel < Gemm.Panels<S, V>(output); panel++)
        {
            for (int k = 0; k < input; k++)
            {
                for (int j = 0; j < S.Width; j++)
                {
                    int column = (panel * 2 * S.Width) + j;
                    *words++ = Half(weight, output, input, column,
                        k) | (Half(weight, output, input, column + S.Width, k) << 16);
                }
            }
        }
    }

    /// <summary>
    /// Q8: in blocks of 32 along the input, scale = largest magnitude / 127, value = round(x / scale).
    /// </summary>
    public static void PackQ8(float* weight, int output, int input, byte* packed)
    {
        const int Block = PanelsQ8<S, V>.Block;
        int width = 2 * S.Width;
        for (int panel = 0; panel < Gemm.Panels<S, V>(output); panel++)
        {
            for (int k0 = 0; k0 < input; k0 += Block)
            {
                var scales = (float*)packed;
                var values = (sbyte*)(packed + PanelsQ8<S, V>.HeaderBytes);
                new Span<byte>(packed, PanelsQ8<S, V>.HeaderBytes + (Block * width)).Clear();
                int count = Math.Min(Block, input - k0);
                for (int j = 0; j < width && (panel * width) + j < output; j++)
                {
                    float* x = weight + ((long)((panel * width) + j) * input) + k0;
                    float largest = 0;
                    for (int i = 0; i < count; i++)
                    {
                        largest = MathF.Max(largest, MathF.Abs(x[i]));
                    }

                    scales[j] = largest / 127;
                    float inverse = largest == 0 ? 0 : 127 / largest;
                    for (int i = 0; i < count; i++)
                    {
                        values[(i * width) + j] = (sbyte)MathF.Round(x[i] * inverse);
                    }
                }

                packed += PanelsQ8<S, V>.HeaderBytes + (Block * width);
            }
        }
    }

    /// <summary>Row <paramref name="row"/> of the weight (a column of the panels) as F32.</summary>
    public static void WidenRow(PackedWeight weight, int row, int input, float* y)
    {
        int width = 2 * S.Width;
        (int panel, int column) = (row / width, row % width);
        for (int k = 0; k < input; k++)
        {
            switch (weight.Type)
            {
                case WeightType.F32:
                    y[k] = ((float*)weight.Panels)[(((long)panel * input) + k) * width + column];
                    break;
                case WeightType.BF16:
                    uint word = ((uint*)weight.Panels)[((((long)panel * input) + k) * S.Width) + (column % S.Width)];
                    y[k] = BitConverter.UInt32BitsToSingle(column < S.Width ? word << 16 : word & 0xFFFF0000u);
                    break;
                default:
                    byte* block = weight.Panels + (panel * PanelLayout.PanelBytes<S, V, PanelsQ8<S, V>>(input))
                        + PanelLayout.RowOffset<S, V, PanelsQ8<S, V>>(k);
                    var values = (sbyte*)(block + PanelsQ8<S, V>.HeaderBytes);
                    y[k] = ((float*)block)[column] * values[(k % PanelsQ8<S, V>.Block * width) + column];
                    break;
            }
        }
    }

    private static uint Half(float* weight, int output, int input, int row, int k)
    {
        if (row >= output)
        {
            return 0;
        }

        float x = weight[((long)row * input) + k];
        uint bits = BitConverter.SingleToUInt32Bits(x);
        return float.IsNaN(x) ? 0x7FC0u : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    }
}
