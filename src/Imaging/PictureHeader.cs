namespace PixSearch.Imaging;

/// <summary>File formats that can be decoded.</summary>
public enum PictureFormat
{
    /// <summary>JPEG (libjpeg-turbo).</summary>
    Jpeg,

    /// <summary>PNG (libpng).</summary>
    Png,

    /// <summary>WebP, still pictures only (libwebp).</summary>
    WebP,
}

/// <summary>What a file says about itself before a pixel is decoded.</summary>
/// <param name="Format">By magic bytes, never by name.</param>
/// <param name="Width">Width as shown, EXIF orientation applied; pixels.</param>
/// <param name="Height">Height as shown, EXIF orientation applied; pixels.</param>
/// <param name="Orientation">EXIF orientation 1-8; 1 is upright.</param>
public readonly record struct PictureHeader(PictureFormat Format, int Width, int Height, int Orientation);
