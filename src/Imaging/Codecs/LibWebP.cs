using System.Runtime.InteropServices;

namespace PixSearch.Imaging.Codecs;

/// <summary>WebP by libwebp's simple API (webp/decode.h 1.2): still pictures, lossy and lossless, with alpha.</summary>
internal static unsafe partial class LibWebP
{
    private const string Library = "libwebp.so.7";
    private const string Package = "libwebp7";

    public static (int Width, int Height) ReadSize(ReadOnlySpan<byte> file)
    {
        fixed (byte* source = file)
        {
            byte* pointer = source;
            nuint size = (nuint)file.Length;
            int width = 0, height = 0;
            int* widthPointer = &width;
            int* heightPointer = &height;
            int known = NativeCodec.Call(
                () => WebPGetInfo(pointer, size, widthPointer, heightPointer), Library, Package);
            return known != 0 ? (width, height) : throw NativeCodec.Refused("WebP", "its header cannot be read");
        }
    }

    public static RgbaImage Decode(ReadOnlySpan<byte> file, int width, int height)
    {
        byte[] pixels = new byte[checked(width * height * 4)];
        fixed (byte* source = file)
        fixed (byte* target = pixels)
        {
            // Null for a truncated, damaged or animated file.
            byte* result = WebPDecodeRGBAInto(source, (nuint)file.Length, target, (nuint)pixels.Length, width * 4);
            return result != null
                ? new RgbaImage(width, height, pixels)
                : throw NativeCodec.Refused("WebP", "it cannot be decoded (animated WebP is not supported)");
        }
    }

    [LibraryImport(Library)]
    private static partial int WebPGetInfo(byte* source, nuint size, int* width, int* height);

    [LibraryImport(Library)]
    private static partial byte* WebPDecodeRGBAInto(byte* source, nuint size, byte* target, nuint targetSize,
        int stride);
}
