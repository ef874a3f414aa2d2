using PixSearch.Abstractions;
using PixSearch.Imaging.Codecs;

namespace PixSearch.Imaging;

/// <summary>
/// Pictures in and out. Decoding is strict: a damaged or truncated file is refused, never half shown. The format is
/// found by magic bytes; limits are checked on the header. All errors of a file are <see cref="PixException"/> with
/// <see cref="PixErrorKind.InvalidPicture"/>.
/// </summary>
public static class PictureCodec
{
    /// <summary>Reads the header only; limits are checked.</summary>
    /// <param name="file">The encoded file.</param>
    /// <param name="limits">Null for <see cref="PictureLimits.Default"/>.</param>
    public static PictureHeader ReadHeader(ReadOnlySpan<byte> file, PictureLimits? limits = null)
    {
        limits ??= PictureLimits.Default;
        limits.CheckBytes(file.Length);
        PictureFormat format = Sniff(file);
        int orientation = ExifOrientation.Read(file, format);
        (int width, int height) = format switch
        {
            PictureFormat.Jpeg => TurboJpeg.ReadSize(file),
            PictureFormat.Png => LibPng.ReadSize(file),
            _ => LibWebP.ReadSize(file),
        };
        limits.CheckSize(width, height);
        return orientation >= 5
            ? new PictureHeader(format, height, width, orientation)
            : new PictureHeader(format, width, height, orientation);
    }

    /// <summary>Decodes to RGB, upright (EXIF orientation applied); transparent parts over white.</summary>
    /// <param name="file">The encoded file.</param>
    /// <param name="limits">Null for <see cref="PictureLimits.Default"/>.</param>
    /// <returns>RGB, HWC, bytes 0-255.</returns>
    public static RgbImage Decode(ReadOnlySpan<byte> file, PictureLimits? limits = null)
    {
        PictureHeader header = ReadHeader(file, limits);
        (int width, int height) = Stored(header);
        RgbImage image = header.Format switch
        {
            PictureFormat.Jpeg => TurboJpeg.Decode(file, width, height),
            PictureFormat.Png => LibPng.Decode(file, width, height).Over(Rgb.White),
            _ => LibWebP.Decode(file, width, height).Over(Rgb.White),
        };
        return ExifOrientation.Apply(image, header.Orientation);
    }

    /// <summary>Decodes with alpha; opaque formats get alpha 255. EXIF orientation applied.</summary>
    public static RgbaImage DecodeRgba(ReadOnlySpan<byte> file, PictureLimits? limits = null)
    {
        PictureHeader header = ReadHeader(file, limits);
        (int width, int height) = Stored(header);
        if (header.Format == PictureFormat.Jpeg || header.Orientation != 1)
        {
            return RgbaImage.From(Decode(file, limits));
        }

        return header.Format == PictureFormat.Png
            ? LibPng.Decode(file, width, height)
            : LibWebP.Decode(file, width, height);
    }

    /// <summary>Decodes a file; a file that is not there is <see cref="PixErrorKind.NotFound"/>.</summary>
    public static RgbImage DecodeFile(string path, PictureLimits? limits = null) =>
        Decode(ReadFile(path, limits ?? PictureLimits.Default), limits);

    /// <summary>Reads a picture file's bytes; the size limit is checked before reading.</summary>
    public static byte[] ReadFile(string path, PictureLimits limits)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            limits.CheckBytes(stream.Length);
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new PixException(PixErrorKind.NotFound, $"There is no picture {path}.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PixException(PixErrorKind.InvalidPicture,
                $"The picture {path} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Encodes as JPEG (baseline, 4:2:0 below quality 90, 4:4:4 from 90).</summary>
    /// <param name="image">RGB, HWC.</param>
    /// <param name="quality">1-100.</param>
    public static byte[] EncodeJpeg(RgbImage image, int quality = 90) => TurboJpeg.Encode(image, quality);

    /// <summary>Encodes as 8-bit RGB PNG.</summary>
    public static byte[] EncodePng(RgbImage image) => PngWriter.Write(image.Pixels, image.Width, image.Height, 3);

    /// <summary>Encodes as 8-bit RGBA PNG.</summary>
    public static byte[] EncodePng(RgbaImage image) => PngWriter.Write(image.Pixels, image.Width, image.Height, 4);

    /// <summary>Encodes one channel as 8-bit gray PNG; <c>gray.Length == width * height</c>.</summary>
    public static byte[] EncodeGrayPng(ReadOnlySpan<byte> gray, int width, int height) =>
        PngWriter.Write(gray, width, height, 1);

    /// <summary>The format by magic bytes; throws for anything else.</summary>
    public static PictureFormat Sniff(ReadOnlySpan<byte> file)
    {
        if (file.Length >= 3 && file[0] == 0xFF && file[1] == 0xD8 && file[2] == 0xFF)
        {
            return PictureFormat.Jpeg;
        }

        if (file.StartsWith(s_pngMagic))
        {
            return PictureFormat.Png;
        }

        if (file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8))
        {
            return PictureFormat.WebP;
        }

        string begins = Convert.ToHexString(file[..Math.Min(8, file.Length)]);
        throw new PixException(PixErrorKind.InvalidPicture,
            $"The picture is neither JPEG, PNG nor WebP (it begins with {begins}); convert it to one of these.");
    }

    private static readonly byte[] s_pngMagic = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    private static (int Width, int Height) Stored(PictureHeader header) =>
        header.Orientation >= 5 ? (header.Height, header.Width) : (header.Width, header.Height);
}
