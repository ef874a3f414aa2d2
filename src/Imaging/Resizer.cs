using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace PixSearch.Imaging;

/// <summary>
/// Resizing that gives the same bytes as Pillow (its libImaging/Resample.c, 8 bits a channel), which CLIP's and SAM's
/// preprocessing use: two passes, horizontal first, antialiased when shrinking, weights in fixed point with 22 bits,
/// each pass rounded to bytes.
/// </summary>
public static class Resizer
{
    // Pillow: 32 bits less 8 of the sample less 2 for the overshoot of the cubic.
    private const int PrecisionBits = 22;

    /// <summary>Resizes RGB.</summary>
    /// <param name="image">RGB, HWC.</param>
    /// <param name="width">New width in pixels, at least 1.</param>
    /// <param name="height">New height in pixels, at least 1.</param>
    /// <param name="resampling">The filter.</param>
    public static RgbImage Resize(RgbImage image, int width, int height, Resampling resampling) =>
        new(width, height, Resize(image.Pixels, image.Width, image.Height, 3, width, height, resampling));

    /// <summary>
    /// Resizes RGBA. Colours are weighted by alpha, so that the colour of transparent pixels does not bleed in.
    /// </summary>
    public static RgbaImage Resize(RgbaImage image, int width, int height, Resampling resampling)
    {
        if (resampling == Resampling.Nearest)
        {
            return new RgbaImage(width, height,
                Resize(image.Pixels, image.Width, image.Height, 4, width, height, resampling));
        }

        byte[] premultiplied = image.Pixels.ToArray();
        for (int i = 0; i < premultiplied.Length; i += 4)
        {
            int alpha = premultiplied[i + 3];
            for (int c = 0; c < 3; c++)
            {
                premultiplied[i + c] = (byte)((premultiplied[i + c] * alpha + 127) / 255);
            }
        }

        byte[] result = Resize(premultiplied, image.Width, image.Height, 4, width, height, resampling);
        for (int i = 0; i < result.Length; i += 4)
        {
            int alpha = result[i + 3];
            for (int c = 0; c < 3; c++)
            {
                result[i + c] = alpha == 0 ? (byte)0 : (byte)Math.Min(255, (result[i + c] * 255 + alpha / 2) / alpha);
            }
        }

        return new RgbaImage(width, height, result);
    }

    /// <summary>Resizes interleaved bytes.</summary>
    /// <param name="pixels">Shape: [height, width, channels], bytes 0-255.</param>
    /// <param name="sourceWidth">Width of the source.</param>
    /// <param name="sourceHeight">Height of the source.</param>
    /// <param name="channels">Channels, interleaved.</param>
    /// <param name="width">New width, at least 1.</param>
    /// <param name="height">New height, at least 1.</param>
    /// <param name="resampling">The filter.</param>
    /// <returns>Shape: [height, width, channels].</returns>
    public static byte[] Resize(ReadOnlySpan<byte> pixels, int sourceWidth, int sourceHeight, int channels, int width,
        int height, Resampling resampling)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (pixels.Length != (long)sourceWidth * sourceHeight * channels)
        {
            throw new ArgumentException($"{sourceWidth}x{sourceHeight}x{channels} is not {pixels.Length} bytes.");
        }

        if (resampling == Resampling.Nearest)
        {
            return ResizeNearest(pixels, sourceWidth, sourceHeight, channels, width, height);
        }

        byte[] rows = sourceWidth == width
            ? pixels.ToArray()
            : PassHorizontal(pixels, sourceWidth, sourceHeight, channels,
                Weights.Create(sourceWidth, width, resampling));
        return sourceHeight == height
            ? rows
            : PassVertical(rows, width * channels, Weights.Create(sourceHeight, height, resampling));
    }

    private static byte[] ResizeNearest(ReadOnlySpan<byte> pixels, int sourceWidth, int sourceHeight, int channels,
        int width, int height)
    {
        byte[] result = new byte[checked(width * height * channels)];
        int[] columns = NearestPositions(sourceWidth, width);
        int[] rows = NearestPositions(sourceHeight, height);
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<byte> row = pixels.Slice(rows[y] * sourceWidth * channels, sourceWidth * channels);
            for (int x = 0; x < width; x++)
            {
                row.Slice(columns[x] * channels, channels).CopyTo(result.AsSpan((y * width + x) * channels));
            }
        }

        return result;
    }

    // Added up step by step as Pillow does (Geometry.c, ImagingScaleAffine): a product would round otherwise now and
    // then.
    private static int[] NearestPositions(int sourceSize, int size)
    {
        int[] positions = new int[size];
        double scale = (double)sourceSize / size;
        double position = scale * 0.5;
        for (int i = 0; i < size; i++)
        {
            positions[i] = Math.Min((int)position, sourceSize - 1);
            position += scale;
        }

        return positions;
    }

    private static byte[] PassHorizontal(ReadOnlySpan<byte> pixels, int sourceWidth, int height, int channels,
        Weights weights)
    {
        int width = weights.First.Length;
        byte[] result = new byte[checked(width * height * channels)];
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<byte> row = pixels.Slice(y * sourceWidth * channels, sourceWidth * channels);
            Span<byte> target = result.AsSpan(y * width * channels, width * channels);
            if (channels == 3)
            {
                HorizontalRow3(row, weights, target);
                continue;
            }

            for (int x = 0; x < width; x++)
            {
                ReadOnlySpan<int> taps = weights.Of(x);
                for (int c = 0; c < channels; c++)
                {
                    int sum = 1 << (PrecisionBits - 1);
                    int position = weights.First[x] * channels + c;
                    foreach (int tap in taps)
                    {
                        sum += row[position] * tap;
                        position += channels;
                    }

                    target[x * channels + c] = Clip(sum);
                }
            }
        }

        return result;
    }

    private static void HorizontalRow3(ReadOnlySpan<byte> row, Weights weights, Span<byte> target)
    {
        for (int x = 0; x < weights.First.Length; x++)
        {
            ReadOnlySpan<int> taps = weights.Of(x);
            ReadOnlySpan<byte> source = row.Slice(weights.First[x] * 3, taps.Length * 3);
            Vector128<int> sums = Vector128.Create(1 << (PrecisionBits - 1));
            int position = 0;

            // One pixel and a byte of the next are four lanes of a vector; the last pixel of a row has no next.
            int vectors = row.Length - (weights.First[x] * 3) > source.Length ? taps.Length : taps.Length - 1;
            for (int i = 0; i < vectors; i++, position += 3)
            {
                uint bytes = MemoryMarshal.Read<uint>(row[(weights.First[x] * 3 + position)..]);
                Vector128<ushort> wide = Vector128.WidenLower(Vector128.CreateScalar(bytes).AsByte());
                sums += Vector128.WidenLower(wide).AsInt32() * taps[i];
            }

            (int red, int green, int blue) = (sums[0], sums[1], sums[2]);
            for (; position < source.Length; position += 3)
            {
                int tap = taps[position / 3];
                red += source[position] * tap;
                green += source[position + 1] * tap;
                blue += source[position + 2] * tap;
            }

            target[x * 3] = Clip(red);
            target[x * 3 + 1] = Clip(green);
            target[x * 3 + 2] = Clip(blue);
        }
    }

    // Row by row: each lane of a vector is one byte column, widened to int; the remainder is done one by one.
    private static byte[] PassVertical(ReadOnlySpan<byte> pixels, int rowBytes, Weights weights)
    {
        int height = weights.First.Length;
        byte[] result = new byte[checked(height * rowBytes)];
        int[] sums = new int[rowBytes];
        for (int y = 0; y < height; y++)
        {
            Array.Fill(sums, 1 << (PrecisionBits - 1));
            ReadOnlySpan<int> taps = weights.Of(y);
            for (int i = 0; i < taps.Length; i++)
            {
                AddScaled(pixels.Slice((weights.First[y] + i) * rowBytes, rowBytes), taps[i], sums);
            }

            Span<byte> target = result.AsSpan(y * rowBytes, rowBytes);
            for (int x = 0; x < rowBytes; x++)
            {
                target[x] = Clip(sums[x]);
            }
        }

        return result;
    }

    private static void AddScaled(ReadOnlySpan<byte> row, int tap, Span<int> sums)
    {
        int lanes = Vector<int>.Count;
        int x = 0;
        for (; x + 4 * lanes <= row.Length; x += 4 * lanes)
        {
            Vector.Widen(new Vector<byte>(row[x..]), out Vector<ushort> low, out Vector<ushort> high);
            Vector.Widen(low, out Vector<uint> first, out Vector<uint> second);
            Vector.Widen(high, out Vector<uint> third, out Vector<uint> fourth);
            Add(first, tap, sums[x..]);
            Add(second, tap, sums[(x + lanes)..]);
            Add(third, tap, sums[(x + 2 * lanes)..]);
            Add(fourth, tap, sums[(x + 3 * lanes)..]);
        }

        for (; x < row.Length; x++)
        {
            sums[x] += row[x] * tap;
        }
    }

    private static void Add(Vector<uint> values, int tap, Span<int> sums) =>
        (new Vector<int>(sums) + Vector.AsVectorInt32(values) * tap).CopyTo(sums);

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> PrecisionBits, 0, 255);

    /// <summary>For each output position: the first source position and fixed-point weights that sum to 1.</summary>
    private sealed class Weights
    {
        private readonly int[] _taps;
        private readonly int[] _counts;
        private readonly int _tapsMax;

        private Weights(int size, int tapsMax)
        {
            (First, _counts, _taps, _tapsMax) = (new int[size], new int[size], new int[size * tapsMax], tapsMax);
        }

        public int[] First { get; }

        public ReadOnlySpan<int> Of(int position) => _taps.AsSpan(position * _tapsMax, _counts[position]);

        public static Weights Create(int sourceSize, int size, Resampling resampling)
        {
            double scale = (double)sourceSize / size;
            double filterScale = Math.Max(scale, 1);
            double support = (resampling == Resampling.Bicubic ? 2 : 1) * filterScale;
            int tapsMax = (int)Math.Ceiling(support) * 2 + 1;
            var result = new Weights(size, tapsMax);
            double[] values = new double[tapsMax];
            for (int x = 0; x < size; x++)
            {
                double center = (x + 0.5) * scale;
                int first = Math.Max((int)(center - support + 0.5), 0);
                int count = Math.Min((int)(center + support + 0.5), sourceSize) - first;
                double sum = 0;
                for (int i = 0; i < count; i++)
                {
                    double at = (i + first - center + 0.5) * (1 / filterScale);
                    values[i] = resampling == Resampling.Bicubic ? Cubic(at) : Math.Max(0, 1 - Math.Abs(at));
                    sum += values[i];
                }

                for (int i = 0; i < count; i++)
                {
                    double value = sum != 0 ? values[i] * (1 / sum) : values[i];
                    double scaled = value * (1 << PrecisionBits);
                    result._taps[x * tapsMax + i] = (int)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
                }

                (result.First[x], result._counts[x]) = (first, count);
            }

            return result;
        }

        private static double Cubic(double x)
        {
            const double A = -0.5;
            x = Math.Abs(x);
            return x < 1 ? ((A + 2) * x - (A + 3)) * x * x + 1
                : x < 2 ? (((x - 5) * x + 8) * x - 4) * A
                : 0;
        }
    }
}
