using System.Buffers.Binary;

namespace PixSearch.Imaging.Codecs;

/// <summary>
/// EXIF orientation (tag 0x0112; Exif 2.32 §4.6.4): cameras store the sensor's rows and say how to turn them. A value
/// that is missing, damaged or outside 1-8 means upright: metadata is never a reason to refuse a picture.
/// </summary>
internal static class ExifOrientation
{
    private const int Upright = 1;
    private const ushort OrientationTag = 0x0112;

    /// <summary>Orientation 1-8 of an encoded file.</summary>
    public static int Read(ReadOnlySpan<byte> file, PictureFormat format) => ReadTiff(format switch
    {
        PictureFormat.Jpeg => FindInJpeg(file),
        PictureFormat.Png => FindInPng(file),
        _ => FindInWebP(file),
    });

    /// <summary>Turns stored rows upright; the image itself when nothing is to be done.</summary>
    public static RgbImage Apply(RgbImage image, int orientation)
    {
        if (orientation == Upright)
        {
            return image;
        }

        (int width, int height) = (image.Width, image.Height);
        bool swap = orientation >= 5;
        var result = new RgbImage(swap ? height : width, swap ? width : height,
            new byte[image.Pixels.Length]);
        ReadOnlySpan<byte> source = image.Pixels;
        for (int y = 0; y < result.Height; y++)
        {
            Span<byte> row = result.Row(y);
            for (int x = 0; x < result.Width; x++)
            {
                (int sourceX, int sourceY) = orientation switch
                {
                    2 => (width - 1 - x, y),
                    3 => (width - 1 - x, height - 1 - y),
                    4 => (x, height - 1 - y),
                    5 => (y, x),
                    6 => (y, height - 1 - x),
                    7 => (width - 1 - y, height - 1 - x),
                    _ => (width - 1 - y, x),
                };
                source.Slice((sourceY * width + sourceX) * 3, 3).CopyTo(row[(x * 3)..]);
            }
        }

        return result;
    }

    private static int ReadTiff(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 8 || !(tiff.StartsWith("II*\0"u8) || tiff.StartsWith("MM\0*"u8)))
        {
            return Upright;
        }

        bool little = tiff[0] == (byte)'I';
        long directory = ReadUInt32(tiff[4..], little);
        if (directory + 2 > tiff.Length)
        {
            return Upright;
        }

        int count = ReadUInt16(tiff[(int)directory..], little);
        for (int i = 0; i < count; i++)
        {
            long entry = directory + 2 + (i * 12L);
            if (entry + 12 > tiff.Length)
            {
                return Upright;
            }

            ReadOnlySpan<byte> field = tiff.Slice((int)entry, 12);
            if (ReadUInt16(field, little) == OrientationTag)
            {
                int value = ReadUInt16(field[8..], little);
                return value is >= 1 and <= 8 ? value : Upright;
            }
        }

        return Upright;
    }

    private static ReadOnlySpan<byte> FindInJpeg(ReadOnlySpan<byte> file)
    {
        int position = 2;
        while (position + 4 <= file.Length && file[position] == 0xFF)
        {
            int marker = file[position + 1];
            if (marker is 0xDA or 0xD9)
            {
                return [];
            }

            if (marker is 0xFF)
            {
                position++;
                continue;
            }

            int length = BinaryPrimitives.ReadUInt16BigEndian(file[(position + 2)..]);
            if (length < 2 || position + 2 + length > file.Length)
            {
                return [];
            }

            ReadOnlySpan<byte> segment = file.Slice(position + 4, length - 2);
            if (marker == 0xE1 && segment.StartsWith("Exif\0\0"u8))
            {
                return segment[6..];
            }

            position += 2 + length;
        }

        return [];
    }

    private static ReadOnlySpan<byte> FindInPng(ReadOnlySpan<byte> file)
    {
        long position = 8;
        while (position + 12 <= file.Length)
        {
            ReadOnlySpan<byte> chunk = file[(int)position..];
            uint length = BinaryPrimitives.ReadUInt32BigEndian(chunk);
            if (chunk[4..].StartsWith("eXIf"u8) && length <= (uint)(chunk.Length - 12))
            {
                return chunk.Slice(8, (int)length);
            }

            position += 12L + length;
        }

        return [];
    }

    private static ReadOnlySpan<byte> FindInWebP(ReadOnlySpan<byte> file)
    {
        long position = 12;
        while (position + 8 <= file.Length)
        {
            ReadOnlySpan<byte> chunk = file[(int)position..];
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
            if (chunk.StartsWith("EXIF"u8) && length <= (uint)(chunk.Length - 8))
            {
                ReadOnlySpan<byte> data = chunk.Slice(8, (int)length);
                return data.StartsWith("Exif\0\0"u8) ? data[6..] : data;
            }

            position += 8L + length + (length & 1);
        }

        return [];
    }

    private static ushort ReadUInt16(ReadOnlySpan<byte> bytes, bool little) => little
        ? BinaryPrimitives.ReadUInt16LittleEndian(bytes)
        : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    private static uint ReadUInt32(ReadOnlySpan<byte> bytes, bool little) => little
        ? BinaryPrimitives.ReadUInt32LittleEndian(bytes)
        : BinaryPrimitives.ReadUInt32BigEndian(bytes);
}
