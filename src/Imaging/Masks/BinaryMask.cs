using PixSearch.Abstractions;

namespace PixSearch.Imaging.Masks;

/// <summary>One bit a pixel, stored as bytes 0 or 1. Shape: [height, width], row-major.</summary>
public sealed class BinaryMask
{
    private readonly byte[] _bits;

    /// <summary>An empty mask.</summary>
    public BinaryMask(int width, int height)
        : this(width, height, new byte[checked(width * height)])
    {
    }

    /// <summary>A mask over these bytes (0 or 1), which it takes over.</summary>
    public BinaryMask(int width, int height, byte[] bits)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (bits.LongLength != (long)width * height)
        {
            throw new ArgumentException(
                $"A {width}x{height} mask has {(long)width * height} bytes, not {bits.Length}.");
        }

        (Width, Height, _bits) = (width, height, bits);
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>All bytes, 0 or 1.</summary>
    public Span<byte> Bits => _bits;

    /// <summary>Whether a pixel is set.</summary>
    public bool this[int x, int y]
    {
        get => _bits[y * Width + x] != 0;
        set => _bits[y * Width + x] = value ? (byte)1 : (byte)0;
    }

    /// <summary>Pixels that are set.</summary>
    public int Area
    {
        get
        {
            int area = 0;
            foreach (byte bit in _bits)
            {
                area += bit;
            }

            return area;
        }
    }

    /// <summary>The tight box; empty (all zero) for an empty mask.</summary>
    public PixelBox Box
    {
        get
        {
            int left = Width, top = Height, right = 0, bottom = 0;
            for (int y = 0; y < Height; y++)
            {
                ReadOnlySpan<byte> row = _bits.AsSpan(y * Width, Width);
                int first = row.IndexOf((byte)1);
                if (first >= 0)
                {
                    (left, right) = (Math.Min(left, first), Math.Max(right, row.LastIndexOf((byte)1) + 1));
                    (top, bottom) = (Math.Min(top, y), y + 1);
                }
            }

            return right == 0 ? default : new PixelBox(left, top, right - left, bottom - top);
        }
    }

    /// <summary>Pixels above the threshold. Scores: [height, width], row-major.</summary>
    public static BinaryMask FromScores(ReadOnlySpan<float> scores, int width, int height, float threshold)
    {
        var mask = new BinaryMask(width, height);
        if (scores.Length != mask._bits.Length)
        {
            throw new ArgumentException(
                $"A {width}x{height} mask needs {mask._bits.Length} scores, not {scores.Length}.");
        }

        for (int i = 0; i < scores.Length; i++)
        {
            mask._bits[i] = scores[i] > threshold ? (byte)1 : (byte)0;
        }

        return mask;
    }

    /// <summary>Intersection over union, 0..1; two empty masks are alike (1).</summary>
    public static double Iou(BinaryMask a, BinaryMask b)
    {
        if (a.Width != b.Width || a.Height != b.Height)
        {
            throw new ArgumentException($"Masks of {a.Width}x{a.Height} and {b.Width}x{b.Height} cannot be compared.");
        }

        long both = 0, either = 0;
        for (int i = 0; i < a._bits.Length; i++)
        {
            both += a._bits[i] & b._bits[i];
            either += a._bits[i] | b._bits[i];
        }

        return either == 0 ? 1 : (double)both / either;
    }

    /// <summary>Resizes by nearest neighbour.</summary>
    public BinaryMask Resize(int width, int height) =>
        new(width, height, Resizer.Resize(_bits, Width, Height, 1, width, height, Resampling.Nearest));
}
