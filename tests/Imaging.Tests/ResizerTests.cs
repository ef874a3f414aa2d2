using System.Globalization;

namespace PixSearch.Imaging.Tests;

/// <summary>Goal: the same bytes as Pillow 9.4 (Debian 12). The literals were printed by Pillow on the same
/// patterns.</summary>
public sealed class ResizerTests
{
    [Theory]
    [InlineData(Resampling.Bilinear, 3, 2, "718d9590899d859078847d85738d7f778286")]
    [InlineData(Resampling.Bilinear, 7, 3,
        "275c915388bd80b57cac73a86a9fd497cc6ec3662d7db259c46ba07db2758b87bc994075528783609591"
        + "457aafa7497e76ab726a9f423a6fa49bd0988f3267")]
    [InlineData(Resampling.Bicubic, 3, 2, "6e8e93928aa4869075887d83718e7c747e88")]
    [InlineData(Resampling.Bicubic, 7, 3,
        "285d925388bd7eb37eb174a96a9fd495ca71c8672a80b556c771a683b86f8b81bf9c3d724f8483569f94"
        + "4479aea7467b74a97465a2413a6fa49dd2958e2d6a")]
    [InlineData(Resampling.Nearest, 3, 2, "91c6fbfd3267699ed3699ed3194e83c9fe33")]
    public void Resize_SmallPattern_EqualsPillowLiterals(Resampling resampling, int width, int height, string expected)
    {
        var image = new RgbImage(7, 5, new byte[7 * 5 * 3]);
        for (int y = 0; y < 5; y++)
        {
            for (int x = 0; x < 7; x++)
            {
                for (int c = 0; c < 3; c++)
                {
                    image.Pixels[(y * 7 + x) * 3 + c] = (byte)(x * 37 + y * 91 + c * 53 + x * y * 17);
                }
            }
        }

        RgbImage result = Resizer.Resize(image, width, height, resampling);

        Assert.Equal(expected, Convert.ToHexString(result.Pixels).ToLower(CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData(Resampling.Bilinear, 192, 192, 0x474ba163)]
    [InlineData(Resampling.Bilinear, 256, 200, 0x1797bb61)]
    [InlineData(Resampling.Bilinear, 96, 97, 0xb3d4b619)]
    [InlineData(Resampling.Bilinear, 500, 311, 0xfe86af88)]
    [InlineData(Resampling.Bicubic, 192, 192, 0xe3eb6a60)]
    [InlineData(Resampling.Bicubic, 256, 200, 0x0c7f7545)]
    [InlineData(Resampling.Bicubic, 96, 97, 0x5b66fe5d)]
    [InlineData(Resampling.Bicubic, 500, 311, 0x98c377e0)]
    [InlineData(Resampling.Nearest, 192, 192, 0x0ce2b3d9)]
    [InlineData(Resampling.Nearest, 500, 311, 0x0ef38404)]
    public void Resize_LargePattern_HasPillowsCrc(Resampling resampling, int width, int height, uint expected)
    {
        var image = new RgbImage(384, 300, new byte[384 * 300 * 3]);
        for (int y = 0; y < 300; y++)
        {
            for (int x = 0; x < 384; x++)
            {
                for (int c = 0; c < 3; c++)
                {
                    image.Pixels[(y * 384 + x) * 3 + c] = (byte)(x * x * 7 + y * 13 + c * 29 + x * y / 11);
                }
            }
        }

        RgbImage result = Resizer.Resize(image, width, height, resampling);

        Assert.Equal(expected, Crc32(result.Pixels));
    }

    [Fact]
    public void Resize_Rgba_TransparentColourDoesNotBleed()
    {
        // Left column opaque green, right column transparent red: shrunk to one pixel, the colour stays green.
        var image = new RgbaImage(2, 1, [0, 200, 0, 255, 255, 0, 0, 0]);

        RgbaImage result = Resizer.Resize(image, 1, 1, Resampling.Bilinear);

        Assert.Equal([0, 199, 0, 128], result.Pixels.ToArray());
    }

    [Fact]
    public void PadToSquare_WidePicture_IsCentred()
    {
        var image = new RgbImage(4, 1, Rgb.White);

        RgbImage result = ImageOps.PadToSquare(image, Rgb.Black);

        Assert.Equal((4, 4), (result.Width, result.Height));
        Assert.Equal(Rgb.White, result[0, 1]);
        Assert.Equal(Rgb.Black, result[0, 0]);
        Assert.Equal(Rgb.Black, result[0, 2]);
    }

    internal static uint Crc32(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
            }
        }

        return ~crc;
    }
}
