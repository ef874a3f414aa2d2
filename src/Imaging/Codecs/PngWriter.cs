using System.Buffers.Binary;
using System.IO.Compression;

namespace PixSearch.Imaging.Codecs;

/// <summary>
/// Writes 8-bit PNG files (PNG, third edition). libpng's simplified writer was 20-50 times slower, because it tries
/// every filter; here each row takes the filter "up" or "sub", whichever has the smaller sum of absolute values.
/// </summary>
internal static class PngWriter
{
    private static readonly byte[] s_magic = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];
    private static readonly uint[] s_crcTable = CreateCrcTable();

    /// <summary>Encodes rows of 1 (gray), 3 (RGB) or 4 (RGBA) bytes a pixel.</summary>
    public static byte[] Write(ReadOnlySpan<byte> pixels, int width, int height, int channels)
    {
        if (pixels.Length != (long)width * height * channels)
        {
            throw new ArgumentException($"{width}x{height}x{channels} needs other than {pixels.Length} bytes.");
        }

        using var output = new MemoryStream();
        output.Write(s_magic);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], height);
        header[8] = 8;
        header[9] = channels switch
        {
            1 => 0,
            3 => 2,
            4 => 6,
            _ => throw new ArgumentOutOfRangeException(nameof(channels)),
        };
        WriteChunk(output, "IHDR"u8, header);
        WriteChunk(output, "IDAT"u8, Compress(pixels, width * channels, height, channels));
        WriteChunk(output, "IEND"u8, []);
        return output.ToArray();
    }

    private static byte[] Compress(ReadOnlySpan<byte> pixels, int rowBytes, int height, int channels)
    {
        using var output = new MemoryStream();
        using (var zlib = new ZLibStream(output, CompressionLevel.Optimal, leaveOpen: true))
        {
            byte[] sub = new byte[rowBytes + 1];
            byte[] up = new byte[rowBytes + 1];
            (sub[0], up[0]) = (1, 2);
            for (int y = 0; y < height; y++)
            {
                ReadOnlySpan<byte> row = pixels.Slice(y * rowBytes, rowBytes);
                ReadOnlySpan<byte> above = y == 0 ? [] : pixels.Slice((y - 1) * rowBytes, rowBytes);
                long subSum = 0, upSum = 0;
                for (int i = 0; i < rowBytes; i++)
                {
                    byte left = i >= channels ? row[i - channels] : (byte)0;
                    sub[i + 1] = (byte)(row[i] - left);
                    up[i + 1] = (byte)(row[i] - (y == 0 ? 0 : above[i]));
                    subSum += Math.Abs((int)(sbyte)sub[i + 1]);
                    upSum += Math.Abs((int)(sbyte)up[i + 1]);
                }

                zlib.Write(upSum <= subSum ? up : sub);
            }
        }

        return output.ToArray();
    }

    private static void WriteChunk(Stream output, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        output.Write(number);
        output.Write(type);
        output.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, ~Crc(Crc(uint.MaxValue, type), data));
        output.Write(number);
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (byte value in data)
        {
            crc = s_crcTable[(crc ^ value) & 0xFF] ^ (crc >> 8);
        }

        return crc;
    }

    private static uint[] CreateCrcTable()
    {
        uint[] table = new uint[256];
        for (uint n = 0; n < 256; n++)
        {
            uint value = n;
            for (int bit = 0; bit < 8; bit++)
            {
                value = (value & 1) != 0 ? 0xEDB88320 ^ (value >> 1) : value >> 1;
            }

            table[n] = value;
        }

        return table;
    }
}
