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
}
