namespace PixSearch.Imaging;

/// <summary>A picture with straight (not premultiplied) alpha: RGBA, HWC, bytes 0-255, row-major without
/// padding.</summary>
public sealed class RgbaImage
{
    private readonly byte[] _pixels;

    /// <summary>An empty (transparent black) picture.</summary>
    public RgbaImage(int width, int height)
        : this(width, height, new byte[checked(width * height * 4)])
    {
    }

    /// <summary>A picture over these bytes, which it takes over; <c>pixels.Length == width * height * 4</c>.</summary>
    public RgbaImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (pixels.LongLength != (long)width * height * 4)
        {
            throw new ArgumentException(
                $"A {width}x{height} RGBA picture has {(long)width * height * 4} bytes, not {pixels.Length}.");
        }

        (Width, Height, _pixels) = (width, height, pixels);
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>All bytes.</summary>
    public Span<byte> Pixels => _pixels;

    /// <summary>One row, 4 * Width bytes.</summary>
    public Span<byte> Row(int y) => _pixels.AsSpan(y * Width * 4, Width * 4);

    /// <summary>The picture over one plain colour.</summary>
    public RgbImage Over(Rgb background)
    {
        byte[] result = new byte[Width * Height * 3];
        for (int source = 0, target = 0; source < _pixels.Length; source += 4, target += 3)
        {
            int alpha = _pixels[source + 3];
            result[target] = Blend(_pixels[source], background.R, alpha);
            result[target + 1] = Blend(_pixels[source + 1], background.G, alpha);
            result[target + 2] = Blend(_pixels[source + 2], background.B, alpha);
        }

        return new RgbImage(Width, Height, result);
    }

    /// <summary>An opaque picture as RGBA.</summary>
    public static RgbaImage From(RgbImage image)
    {
        byte[] result = new byte[image.Width * image.Height * 4];
        ReadOnlySpan<byte> pixels = image.Pixels;
        for (int source = 0, target = 0; source < pixels.Length; source += 3, target += 4)
        {
            result[target] = pixels[source];
            result[target + 1] = pixels[source + 1];
            result[target + 2] = pixels[source + 2];
            result[target + 3] = 255;
        }

        return new RgbaImage(image.Width, image.Height, result);
    }

    /// <summary>Rounded <c>(above * alpha + below * (255 - alpha)) / 255</c>; exact at both ends.</summary>
    internal static byte Blend(int above, int below, int alpha) =>
        (byte)((above * alpha + below * (255 - alpha) + 127) / 255);
}
