using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace PixSearch.Imaging.Codecs;

/// <summary>PNG by libpng's simplified API (png.h 1.6, section "simplified API").</summary>
internal static unsafe partial class LibPng
{
    private const string Library = "libpng16.so.16";
    private const string Package = "libpng16-16";
    private const uint ImageVersion = 1;
    private const uint FormatRgba = 3;
    private const int HeaderBytes = 24;

    /// <summary>Width and height as IHDR says; read by hand, since the library would also read on to the
    /// pixels.</summary>
    public static (int Width, int Height) ReadSize(ReadOnlySpan<byte> file)
    {
        // 8 magic bytes, chunk length, "IHDR", width, height; PNG (third edition) §5.6, §11.2.1.
        if (file.Length < HeaderBytes || !file[12..].StartsWith("IHDR"u8))
        {
            throw NativeCodec.Refused("PNG", "its header chunk is missing");
        }

        CheckComplete(file);
        uint width = BinaryPrimitives.ReadUInt32BigEndian(file[16..]);
        uint height = BinaryPrimitives.ReadUInt32BigEndian(file[20..]);
        return width > int.MaxValue || height > int.MaxValue
            ? throw NativeCodec.Refused("PNG", $"its header says {width}x{height} pixels")
            : ((int)width, (int)height);
    }

    // libpng shows a picture whose last chunks are cut off; we do not. PNG §5.3: length, type, data, CRC.
    private static void CheckComplete(ReadOnlySpan<byte> file)
    {
        long position = 8;
        while (position + 12 <= file.Length)
        {
            ReadOnlySpan<byte> chunk = file[(int)position..];
            if (chunk[4..].StartsWith("IEND"u8))
            {
                return;
            }

            position += 12L + BinaryPrimitives.ReadUInt32BigEndian(chunk);
        }

        throw NativeCodec.Refused("PNG", $"it ends after {file.Length} bytes, before its last chunk");
    }

    /// <summary>Decodes to straight RGBA, 8 bits a channel, whatever the file holds (16 bits, palette, gray,
    /// interlaced).</summary>
    public static RgbaImage Decode(ReadOnlySpan<byte> file, int width, int height)
    {
        byte[] pixels = new byte[checked(width * height * 4)];
        var image = new PngImage { Version = ImageVersion };
        try
        {
            fixed (byte* source = file)
            fixed (byte* target = pixels)
            {
                PngImage* imagePointer = &image;
                byte* sourcePointer = source;
                nuint size = (nuint)file.Length;
                int begun = NativeCodec.Call(
                    () => png_image_begin_read_from_memory(imagePointer, sourcePointer, size), Library, Package);
                if (begun == 0 || image.Width != width || image.Height != height)
                {
                    throw NativeCodec.Refused("PNG", Message(&image));
                }

                image.Format = FormatRgba;
                if (png_image_finish_read(&image, null, target, width * 4, null) == 0)
                {
                    throw NativeCodec.Refused("PNG", Message(&image));
                }
            }
        }
        finally
        {
            png_image_free(&image);
        }

        return new RgbaImage(width, height, pixels);
    }

    private static string Message(PngImage* image)
    {
        var bytes = new ReadOnlySpan<byte>(image->Message, 64);
        int end = bytes.IndexOf((byte)0);
        string text = Encoding.ASCII.GetString(end < 0 ? bytes : bytes[..end]);
        return text.Length == 0 ? "the library gives no reason" : text;
    }

    /// <summary>png_image of png.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct PngImage
    {
        public nint Opaque;
        public uint Version;
        public uint Width;
        public uint Height;
        public uint Format;
        public uint Flags;
        public uint ColormapEntries;
        public uint WarningOrError;
        public fixed byte Message[64];
    }

    [LibraryImport(Library)]
    private static partial int png_image_begin_read_from_memory(PngImage* image, byte* source, nuint size);

    [LibraryImport(Library)]
    private static partial int png_image_finish_read(PngImage* image, byte* background, byte* target, int rowStride,
        byte* colormap);

    [LibraryImport(Library)]
    private static partial void png_image_free(PngImage* image);
}
