namespace PixSearch.Imaging;

/// <summary>How a picture is resized.</summary>
public enum Resampling
{
    /// <summary>The pixel under each output pixel's centre; keeps masks binary.</summary>
    Nearest,

    /// <summary>Triangle filter, support 1 (x scale when shrinking).</summary>
    Bilinear,

    /// <summary>Keys' cubic with a = -0.5, support 2 (x scale when shrinking).</summary>
    Bicubic,
}
