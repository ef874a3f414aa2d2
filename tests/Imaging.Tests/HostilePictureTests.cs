using System.Buffers.Binary;
using PixSearch.Abstractions;

namespace PixSearch.Imaging.Tests;

/// <summary>Goal: no file crashes the process, hangs it or makes it allocate what its header merely claims.</summary>
public sealed class HostilePictureTests
{
    private const long AllocationMax = 4_000_000;

    [Theory]
    [InlineData("jpeg")]
    [InlineData("png")]
    [InlineData("webp")]
    public void Decode_TruncatedAnywhere_IsRefused(string format)
    {
        byte[] file = Sample(format);
        for (int length = 0; length < file.Length - 1; length += Math.Max(1, file.Length / 400))
        {
            byte[] part = file[..length];
            PixException error = Assert.Throws<PixException>(() => PictureCodec.Decode(part));
            Assert.Equal(PixErrorKind.InvalidPicture, error.Kind);
        }
    }

    [Theory]
    [InlineData("jpeg", 11ul)]
    [InlineData("png", 12ul)]
    [InlineData("webp", 13ul)]
    public void Decode_Mutated_IsRefusedOrDecoded(string format, ulong seed)
    {
        byte[] file = Sample(format);
        var random = new SeededRandom(seed);
        int refused = 0;
        for (int i = 0; i < 400; i++)
        {
            byte[] mutated = (byte[])file.Clone();
            for (int change = random.NextInt(1, 6); change > 0; change--)
            {
                mutated[random.NextInt(mutated.Length)] = (byte)random.NextInt(256);
            }

            try
            {
                RgbImage image = PictureCodec.Decode(mutated, new PictureLimits { PixelsMax = 1_000_000 });
                Assert.True(image.Width > 0);
            }
            catch (PixException error)
            {
                Assert.Equal(PixErrorKind.InvalidPicture, error.Kind);
                Assert.DoesNotContain('\n', error.Message);
                refused++;
            }
        }

        // Most changes are noticed; lossless WebP has no checksum, and one that hits a colour only is a valid file.
        Assert.InRange(refused, 40, 400);
    }

    [Theory]
    [InlineData(1u, 100_000u, "SideMax")]
    [InlineData(100_000u, 1u, "SideMax")]
    [InlineData(16_000u, 16_000u, "PixelsMax")]
    [InlineData(0u, 5u, "at least 1")]
    [InlineData(4_000_000_000u, 4_000_000_000u, "header")]
    public void Decode_PngHeaderClaimsTooMuch_IsRefusedWithoutAllocating(uint width, uint height, string says)
    {
        byte[] file = Sample("png");
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(16), width);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(20), height);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(29), ResizerTests.Crc32(file.AsSpan(12, 17)));

        long before = GC.GetAllocatedBytesForCurrentThread();
        PixException error = Assert.Throws<PixException>(() => PictureCodec.Decode(file));

        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationMax);
    }

    [Fact]
    public void Decode_JpegHeaderClaimsTooMuch_IsRefusedWithoutAllocating()
    {
        byte[] file = Sample("jpeg");
        int frame = file.AsSpan().IndexOf((byte[])[0xFF, 0xC0]);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 5), 65_000);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(frame + 7), 65_000);

        long before = GC.GetAllocatedBytesForCurrentThread();
        PixException error = Assert.Throws<PixException>(() => PictureCodec.Decode(file));

        Assert.Contains("65000x65000", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocationMax);
    }

    [Fact]
    public void Decode_TooManyBytes_NamesTheKnob()
    {
        byte[] file = Sample("png");

        PixException error = Assert.Throws<PixException>(
            () => PictureCodec.Decode(file, new PictureLimits { BytesMax = 100 }));

        Assert.Contains("100", error.Message, StringComparison.Ordinal);
        Assert.Contains("BytesMax", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("GIF89a............")]
    [InlineData("%PDF-1.7 not a picture")]
    [InlineData("RIFF....WAVEfmt ")]
    [InlineData("RIFF....WEBP")]
    [InlineData("BM")]
    public void Decode_WrongFormat_IsRefused(string text)
    {
        byte[] file = System.Text.Encoding.ASCII.GetBytes(text);

        PixException error = Assert.Throws<PixException>(() => PictureCodec.Decode(file));

        Assert.Equal(PixErrorKind.InvalidPicture, error.Kind);
    }

    [Fact]
    public void Decode_ExifThatPointsOutside_IsUpright()
    {
        byte[] exif = [.. "II*\0"u8, 0xFF, 0xFF, 0xFF, 0x7F];
        byte[] file = PictureCodecTests.InsertChunk(Sample("png"), "eXIf"u8, exif);

        Assert.Equal(1, PictureCodec.ReadHeader(file).Orientation);
    }

    private static byte[] Sample(string format)
    {
        RgbImage image = PictureCodecTests.Pattern(64, 48);
        return format switch
        {
            "png" => PictureCodec.EncodePng(image),
            "jpeg" => PictureCodec.EncodeJpeg(image),
            _ => Convert.FromHexString(PictureCodecTests.WebP),
        };
    }
}
