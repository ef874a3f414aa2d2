using PixSearch.Abstractions;

namespace PixSearch.Imaging.Tests;

/// <summary>Goal: what goes in comes out, for each format; EXIF and alpha are honoured.</summary>
public sealed class PictureCodecTests
{
    // 20x10 lossless WebP written by Pillow 9.4 of the large pattern of ResizerTests.
    internal const string WebP =
        "524946467e000000574542505650384c710000002f13400200cd5420a2ff0146b5adddf8bd47ee1d191a4920810412482081"
        + "0412482081041248208104127c8ff54598f1e908856ddb20c3c2f6487f43c7c0c8c4ccc2cac6cec1c9c5cdc3cbc74f418b97"
        + "c0a6b9f59210a29103080180482ba05b01c535324008b01300a2676804e5d01b0100";

    [Fact]
    public void EncodePng_ThenDecode_IsTheSame()
    {
        RgbImage image = Pattern(61, 37);

        RgbImage result = PictureCodec.Decode(PictureCodec.EncodePng(image));

        Assert.Equal((61, 37), (result.Width, result.Height));
        Assert.Equal(image.Pixels.ToArray(), result.Pixels.ToArray());
    }

    [Fact]
    public void EncodePng_Rgba_KeepsAlpha()
    {
        var image = new RgbaImage(3, 2, Enumerable.Range(0, 24).Select(i => (byte)(i * 11)).ToArray());

        RgbaImage result = PictureCodec.DecodeRgba(PictureCodec.EncodePng(image));

        Assert.Equal(image.Pixels.ToArray(), result.Pixels.ToArray());
    }

    [Fact]
    public void EncodeGrayPng_Decoded_IsGray()
    {
        RgbImage result = PictureCodec.Decode(PictureCodec.EncodeGrayPng([0, 100, 255, 7], 2, 2));

        Assert.Equal([0, 0, 0, 100, 100, 100, 255, 255, 255, 7, 7, 7], result.Pixels.ToArray());
    }

    [Fact]
    public void Decode_TransparentPng_IsOverWhite()
    {
        var image = new RgbaImage(1, 1, [10, 20, 30, 0]);

        Assert.Equal(Rgb.White, PictureCodec.Decode(PictureCodec.EncodePng(image))[0, 0]);
    }

    [Fact]
    public void EncodeJpeg_ThenDecode_IsClose()
    {
        var image = new RgbImage(64, 48, new Rgb(200, 30, 60));

        RgbImage result = PictureCodec.Decode(PictureCodec.EncodeJpeg(image, 95));

        Assert.InRange(Math.Abs(result[32, 24].R - 200), 0, 3);
        Assert.InRange(Math.Abs(result[32, 24].B - 60), 0, 3);
    }

    [Fact]
    public void Decode_WebP_EqualsPillow()
    {
        RgbImage result = PictureCodec.Decode(Convert.FromHexString(WebP));

        Assert.Equal((20, 10), (result.Width, result.Height));
        for (int y = 0; y < 10; y++)
        {
            for (int x = 0; x < 20; x++)
            {
                Assert.Equal((byte)(x * x * 7 + y * 13 + x * y / 11), result[x, y].R);
            }
        }
    }

    // A 2x1 picture, red left and blue right; after the turn the red pixel is at the given place.
    [Theory]
    [InlineData(1, 2, 1, 0, 0)]
    [InlineData(2, 2, 1, 1, 0)]
    [InlineData(3, 2, 1, 1, 0)]
    [InlineData(4, 2, 1, 0, 0)]
    [InlineData(5, 1, 2, 0, 0)]
    [InlineData(6, 1, 2, 0, 0)]
    [InlineData(7, 1, 2, 0, 1)]
    [InlineData(8, 1, 2, 0, 1)]
    [InlineData(9, 2, 1, 0, 0)]
    public void Decode_ExifOrientation_IsApplied(int orientation, int width, int height, int redX, int redY)
    {
        byte[] png = PictureCodec.EncodePng(new RgbImage(2, 1, [255, 0, 0, 0, 0, 255]));
        byte[] exif = [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0,
            (byte)orientation, 0, 0, 0, 0, 0, 0];
        byte[] file = InsertChunk(png, "eXIf"u8, exif);

        RgbImage result = PictureCodec.Decode(file);

        Assert.Equal((width, height), (result.Width, result.Height));
        Assert.Equal(new Rgb(255, 0, 0), result[redX, redY]);
        PictureHeader header = PictureCodec.ReadHeader(file);
        Assert.Equal((width, height), (header.Width, header.Height));
    }

    [Fact]
    public void DecodeFile_NotThere_IsNotFound()
    {
        PixException error = Assert.Throws<PixException>(() => PictureCodec.DecodeFile("no-such-picture.png"));

        Assert.Equal(PixErrorKind.NotFound, error.Kind);
    }

    internal static RgbImage Pattern(int width, int height)
    {
        var image = new RgbImage(width, height, Rgb.Black);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                image[x, y] = new Rgb((byte)(x * 7 + y), (byte)(y * 5), (byte)(x * y));
            }
        }

        return image;
    }

    // Puts a chunk behind IHDR (which ends at byte 33).
    internal static byte[] InsertChunk(byte[] png, ReadOnlySpan<byte> type, byte[] data)
    {
        byte[] body = [.. type, .. data];
        byte[] length = BitConverter.GetBytes(data.Length);
        byte[] crc = BitConverter.GetBytes(ResizerTests.Crc32(body));
        Array.Reverse(length);
        Array.Reverse(crc);
        return [.. png[..33], .. length, .. body, .. crc, .. png[33..]];
    }
}
