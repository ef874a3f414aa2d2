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
                    y[k] = QuantisedPanels<S, V>.At(weight.Panels, input, row, k);
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

        return BFloat16.Round(weight[((long)row * input) + k]);
    }
}
