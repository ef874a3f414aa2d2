using System.Runtime.InteropServices;
using PixSearch.Abstractions;

namespace PixSearch.Imaging.Codecs;

/// <summary>JPEG by libjpeg-turbo's TurboJPEG API (turbojpeg.h 2.1; constants below are its).</summary>
internal static unsafe partial class TurboJpeg
{
    private const string Library = "libturbojpeg.so.0";
    private const string Package = "libturbojpeg0";
    private const int PixelRgb = 0;
    private const int PixelCmyk = 11;
    private const int Subsample444 = 0;
    private const int Subsample420 = 2;
    private const int ColourspaceCmyk = 3;
    private const int FlagNoRealloc = 1024;
    private const int FlagAccurateDct = 4096;
    private const int FlagStopOnWarning = 8192;

    // A progressive file may hold thousands of scans over the same pixels ("scan bomb"); 500 is the library's cut.
    private const int FlagLimitScans = 32768;

    public static (int Width, int Height) ReadSize(ReadOnlySpan<byte> file)
    {
        (int width, int height, _) = ReadHeader(file);
        return (width, height);
    }

    /// <summary>Decodes to RGB; width and height are those of <see cref="ReadSize"/>.</summary>
    public static RgbImage Decode(ReadOnlySpan<byte> file, int width, int height)
    {
        (_, _, int colourspace) = ReadHeader(file);
        bool cmyk = colourspace >= ColourspaceCmyk;
        int channels = cmyk ? 4 : 3;
        byte[] pixels = new byte[checked(width * height * channels)];
        nint handle = Init(tjInitDecompress);
        try
        {
            fixed (byte* source = file)
            fixed (byte* target = pixels)
            {
                int result = tjDecompress2(handle, source, (nuint)file.Length, target, width, width * channels, height,
                    cmyk ? PixelCmyk : PixelRgb, FlagAccurateDct | FlagStopOnWarning | FlagLimitScans);
                if (result != 0)
                {
                    throw NativeCodec.Refused("JPEG", Error(handle));
                }
            }
        }
        finally
        {
            _ = tjDestroy(handle);
        }

        return new RgbImage(width, height, cmyk ? FromCmyk(pixels) : pixels);
    }

    /// <summary>Encodes RGB; 4:4:4 from quality 90, since chroma subsampling blurs flags and text.</summary>
    public static byte[] Encode(RgbImage image, int quality)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(quality, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(quality, 100);
        int subsampling = quality >= 90 ? Subsample444 : Subsample420;
        nint handle = Init(tjInitCompress);
        try
        {
            byte[] buffer = new byte[(int)tjBufSize(image.Width, image.Height, subsampling)];
            fixed (byte* source = image.Pixels)
            fixed (byte* target = buffer)
            {
                byte* targetPointer = target;
                nuint size = (nuint)buffer.Length;
                int result = tjCompress2(handle, source, image.Width, image.Width * 3, image.Height, PixelRgb,
                    &targetPointer, &size, subsampling, quality, FlagAccurateDct | FlagNoRealloc);
                if (result != 0)
                {
                    throw new PixException(PixErrorKind.Internal, $"JPEG encoding failed: {Error(handle)}");
                }

                return buffer.AsSpan(0, (int)size).ToArray();
            }
        }
        finally
        {
            _ = tjDestroy(handle);
        }
    }

    private static (int Width, int Height, int Colourspace) ReadHeader(ReadOnlySpan<byte> file)
    {
        nint handle = Init(tjInitDecompress);
        try
        {
            fixed (byte* source = file)
            {
                int result = tjDecompressHeader3(handle, source, (nuint)file.Length, out int width, out int height,
                    out _, out int colourspace);
                return result == 0 ? (width, height, colourspace) : throw NativeCodec.Refused("JPEG", Error(handle));
            }
        }
        finally
        {
            _ = tjDestroy(handle);
        }
    }

    // Adobe writes CMYK inverted (0 = full ink), and turbojpeg hands it on as stored: R = C * K / 255.
    private static byte[] FromCmyk(byte[] cmyk)
    {
        byte[] rgb = new byte[cmyk.Length / 4 * 3];
        for (int source = 0, target = 0; source < cmyk.Length; source += 4, target += 3)
        {
            int key = cmyk[source + 3];
            rgb[target] = (byte)((cmyk[source] * key + 127) / 255);
            rgb[target + 1] = (byte)((cmyk[source + 1] * key + 127) / 255);
            rgb[target + 2] = (byte)((cmyk[source + 2] * key + 127) / 255);
        }

        return rgb;
    }

    private static nint Init(Func<nint> init)
    {
        nint handle = NativeCodec.Call(init, Library, Package);
        return handle != 0 ? handle : throw new PixException(PixErrorKind.Internal, "libturbojpeg gave no handle.");
    }

    private static string Error(nint handle) => Marshal.PtrToStringUTF8(tjGetErrorStr2(handle)) ?? "unknown error";

    [LibraryImport(Library)]
    private static partial nint tjInitDecompress();

    [LibraryImport(Library)]
    private static partial nint tjInitCompress();

    [LibraryImport(Library)]
    private static partial int tjDestroy(nint handle);

    [LibraryImport(Library)]
    private static partial nint tjGetErrorStr2(nint handle);

    [LibraryImport(Library)]
    private static partial nuint tjBufSize(int width, int height, int subsampling);

    [LibraryImport(Library)]
    private static partial int tjDecompressHeader3(nint handle, byte* source, nuint size, out int width, out int height,
        out int subsampling, out int colourspace);

    [LibraryImport(Library)]
    private static partial int tjDecompress2(nint handle, byte* source, nuint size, byte* target, int width, int pitch,
        int height, int pixelFormat, int flags);

    [LibraryImport(Library)]
    private static partial int tjCompress2(nint handle, byte* source, int width, int pitch, int height, int pixelFormat,
        byte** target, nuint* targetSize, int subsampling, int quality, int flags);
}
