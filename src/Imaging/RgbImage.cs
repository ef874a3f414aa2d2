using PixSearch.Abstractions;

namespace PixSearch.Imaging;

/// <summary>A decoded picture: RGB, HWC, bytes 0-255, row-major without padding.</summary>
public sealed class RgbImage
{
    private readonly byte[] _pixels;

    /// <summary>A picture over these bytes, which it takes over; <c>pixels.Length == width * height * 3</c>.</summary>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (pixels.LongLength != (long)width * height * 3)
        {
            throw new ArgumentException(
                $"A {width}x{height} RGB picture has {(long)width * height * 3} bytes, not {pixels.Length}.");
        }

        (Width, Height, _pixels) = (width, height, pixels);
    }

    /// <summary>A picture of one colour.</summary>
    public RgbImage(int width, int height, Rgb colour)
        : this(width, height, new byte[checked(width * height * 3)])
    {
        for (int i = 0; i < _pixels.Length; i += 3)
        {
            _pixels[i] = colour.R;
            _pixels[i + 1] = colour.G;
            _pixels[i + 2] = colour.B;
        }
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>All bytes.</summary>
    public Span<byte> Pixels => _pixels;

    /// <summary>All bytes, for storage.</summary>
    public ReadOnlyMemory<byte> Memory => _pixels;

    /// <summary>One row, 3 * Width bytes.</summary>
    public Span<byte> Row(int y) => _pixels.AsSpan(y * Width * 3, Width * 3);

    /// <summary>The colour of one pixel.</summary>
    public Rgb this[int x, int y]
    {
        get
        {
            int i = Index(x, y);
            return new Rgb(_pixels[i], _pixels[i + 1], _pixels[i + 2]);
        }

        set
        {
            int i = Index(x, y);
            (_pixels[i], _pixels[i + 1], _pixels[i + 2]) = (value.R, value.G, value.B);
        }
    }

    /// <summary>A copy that shares nothing.</summary>
    public RgbImage Clone() => new(Width, Height, (byte[])_pixels.Clone());

    /// <summary>The same pixels for a port.</summary>
    public RgbPixels ToPort() => new(Width, Height, _pixels);

    /// <summary>A picture over a copy of pixels that crossed a port.</summary>
    public static RgbImage FromPort(RgbPixels pixels) => new(pixels.Width, pixels.Height, pixels.Data.ToArray());

    private int Index(int x, int y)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)x, (uint)Width, nameof(x));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)y, (uint)Height, nameof(y));
        return (y * Width + x) * 3;
    }
}
