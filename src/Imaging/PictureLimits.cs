using PixSearch.Abstractions;

namespace PixSearch.Imaging;

/// <summary>
/// What a picture may cost. All limits are checked on the header, before memory for the pixels is allocated, so that a
/// small file that claims to be huge costs nothing.
/// </summary>
public sealed record PictureLimits
{
    /// <summary>The defaults: 64 megapixels, 16384 pixels a side, 32 MB.</summary>
    public static PictureLimits Default { get; } = new();

    /// <summary>Most pixels (width x height); 64 Mpx are 192 MB of RGB, the largest single allocation of a
    /// decode.</summary>
    public long PixelsMax { get; init; } = 64_000_000;

    /// <summary>Most pixels along one side. WebP's own limit is 16383, JPEG's 65535.</summary>
    public int SideMax { get; init; } = 16_384;

    /// <summary>Most bytes of the encoded file.</summary>
    public long BytesMax { get; init; } = 32_000_000;

    /// <summary>Throws <see cref="PixErrorKind.InvalidPicture"/> when the file is empty or too large.</summary>
    public void CheckBytes(long bytes)
    {
        if (bytes == 0)
        {
            throw new PixException(PixErrorKind.InvalidPicture,
                "The picture is empty (0 bytes); send a JPEG, PNG or WebP file.");
        }

        if (bytes > BytesMax)
        {
            throw new PixException(PixErrorKind.InvalidPicture,
                $"The picture has {bytes} bytes; the limit is {BytesMax} (PictureLimits.BytesMax).");
        }
    }

    /// <summary>Throws <see cref="PixErrorKind.InvalidPicture"/> when the picture is too large or has no
    /// pixels.</summary>
    public void CheckSize(long width, long height)
    {
        if (width < 1 || height < 1)
        {
            throw new PixException(PixErrorKind.InvalidPicture,
                $"The picture says it is {width}x{height} pixels; each side must be at least 1.");
        }

        if (width > SideMax || height > SideMax)
        {
            throw new PixException(PixErrorKind.InvalidPicture,
                $"The picture is {width}x{height} pixels; the limit is {SideMax} a side (PictureLimits.SideMax).");
        }

        if (width * height > PixelsMax)
        {
            throw new PixException(PixErrorKind.InvalidPicture,
                $"The picture is {width}x{height} = {width * height} pixels; the limit is {PixelsMax} "
                + "(PictureLimits.PixelsMax).");
        }
    }
}
