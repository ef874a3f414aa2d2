using System.Buffers;
using PixSearch.Tensors;

namespace PixSearch.Models.Text;

/// <summary>
/// Cosines and sines of the rotary embedding (Su et al. 2021) in "rotate half" form: element j and j + size/2 of a row
/// hold the angle <c>position * theta^(-2j/size)</c>. Shape of both: [tokens, headSize].
/// </summary>
public readonly record struct RotaryTables(Tensor Cos, Tensor Sin)
{
    /// <summary>Tables for these positions, the same on all frequencies.</summary>
    public static RotaryTables ForPositions(IBackend backend, ReadOnlySpan<int> positions, int headSize, float theta) =>
        ForAxes(backend, positions, positions, headSize, theta);

    /// <summary>Tables for positions [0, count).</summary>
    public static RotaryTables ForRange(IBackend backend, int start, int count, int headSize, float theta)
    {
        int[] positions = new int[count];
        for (int i = 0; i < count; i++)
        {
            positions[i] = start + i;
        }

        return ForPositions(backend, positions, headSize, theta);
    }

    /// <summary>
    /// Pixel-SAIL's M-RoPE with section [0, size/4, size/4]: the first half of the frequencies turns with the row, the
    /// second with the column.
    /// </summary>
    public static RotaryTables ForAxes(IBackend backend, ReadOnlySpan<int> rows, ReadOnlySpan<int> columns,
        int headSize,
        float theta)
    {
        int half = headSize / 2;
        int count = rows.Length * headSize;
        float[] cos = ArrayPool<float>.Shared.Rent(count);
        float[] sin = ArrayPool<float>.Shared.Rent(count);
        float[] frequencies = ArrayPool<float>.Shared.Rent(half);
        for (int j = 0; j < half; j++)
        {
            // The published implementations keep frequencies and angles in F32; at long positions that matters.
            frequencies[j] = (float)Math.Pow(theta, -2.0 * j / headSize);
        }

        for (int t = 0; t < rows.Length; t++)
        {
            for (int j = 0; j < half; j++)
            {
                (float s, float c) = MathF.SinCos((j < headSize / 4 ? rows : columns)[t] * frequencies[j]);
                int at = (t * headSize) + j;
                (cos[at], cos[at + half]) = (c, c);
                (sin[at], sin[at + half]) = (s, s);
            }
        }

        var shape = new Shape(rows.Length, headSize);
        var tables = new RotaryTables(backend.From(cos.AsSpan(0, count), shape),
            backend.From(sin.AsSpan(0, count), shape));
        ArrayPool<float>.Shared.Return(frequencies);
        ArrayPool<float>.Shared.Return(cos);
        ArrayPool<float>.Shared.Return(sin);
        return tables;
    }
}
