using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Models.Preprocessing;

/// <summary>
/// From decoded pictures to what each published model was trained on. The rules differ on purpose; none is shared where
/// the authors' differ.
/// </summary>
public static class PicturePreprocessor
{
    // A padded square of this side takes 200 MB; larger pictures are halved until they fit, which no published code
    // does.
    private const int SquareSideMax = 8192;

    // Beyond this ratio of the sides only the middle is kept before resizing: the crop that follows shows less than
    // that.
    private const int RatioMax = 16;

    /// <summary>
    /// LLaVA-1.5's <c>pad</c>: centred in a square of CLIP's mean colour (122, 116, 104), then bicubic to the side.
    /// </summary>
    public static PreparedPicture ClipPadded(RgbImage picture, int side)
    {
        int half = Math.Max(picture.Width, picture.Height);
        if (half > SquareSideMax)
        {
            picture = Resizer.Resize(picture, Math.Max(1, picture.Width / 2), Math.Max(1, picture.Height / 2),
                Resampling.Bilinear);
        }

        RgbImage square = ImageOps.PadToSquare(picture, MeanColour(PixelNormalization.Clip));
        return Normalize(Resizer.Resize(square, side, side, Resampling.Bicubic), PixelNormalization.Clip, side, side);
    }

    /// <summary>
    /// CLIP's own: the shorter side bicubic to <paramref name="side"/>, the longer to <c>int(side * long / short)</c>,
    /// then the middle square.
    /// </summary>
    public static PreparedPicture ClipCropped(RgbImage picture, int side)
    {
        picture = MiddleOf(picture);
        (int width, int height) = picture.Width <= picture.Height
            ? (side, (int)((long)side * picture.Height / picture.Width))
            : ((int)((long)side * picture.Width / picture.Height), side);
        RgbImage resized = Resizer.Resize(picture, width, height, Resampling.Bicubic);
        var box = new PixelBox((width - side) / 2, (height - side) / 2, side, side);
        return Normalize(ImageOps.Crop(resized, box), PixelNormalization.Clip, side, side);
    }

    /// <summary>
    /// SAM's ResizeLongestSide: bilinear to <c>int(x * side / longest + 0.5)</c>, normalised, then zeros at the right
    /// and the bottom.
    /// </summary>
    public static PreparedPicture SamPadded(RgbImage picture, int side) =>
        Normalize(SamResized(picture, side), PixelNormalization.Sam, side, side);

    /// <summary>The first half of <see cref="SamPadded"/>: bytes, the longer side of which is <paramref name="side"/>
    /// pixels.</summary>
    public static RgbImage SamResized(RgbImage picture, int side)
    {
        (int width, int height) = LongestSide(picture.Width, picture.Height, side);
        return width == picture.Width && height == picture.Height
            ? picture
            : Resizer.Resize(picture, width, height, Resampling.Bilinear);
    }

    /// <summary>
    /// Pixel-SAIL on SOLO: the longer side to <c>min(ceil(L / patch) * patch, longestSide)</c>, the shorter to
    /// <c>ceil(int(long * S / L) / patch) * patch</c>; bilinear, ImageNet's mean and deviation.
    /// </summary>
    public static PreparedPicture Patches(RgbImage picture, int patch, int longestSide)
    {
        (int width, int height) = PatchSize(picture.Width, picture.Height, patch, longestSide);
        RgbImage resized = Resizer.Resize(picture, width, height, Resampling.Bilinear);
        return Normalize(resized, PixelNormalization.ImageNet, height, width);
    }

    /// <summary>Size after SAM's ResizeLongestSide; at least 1 pixel.</summary>
    public static (int Width, int Height) LongestSide(int width, int height, int side)
    {
        double scale = side * 1.0 / Math.Max(width, height);
        return (Math.Max(1, (int)((width * scale) + 0.5)), Math.Max(1, (int)((height * scale) + 0.5)));
    }

    /// <summary>Size in pixels after Pixel-SAIL's rule; both sides are multiples of the patch.</summary>
    public static (int Width, int Height) PatchSize(int width, int height, int patch, int longestSide)
    {
        int longer = Math.Max(width, height);
        int shorter = Math.Min(width, height);
        int newLong = Math.Min(CeilTo(longer, patch), longestSide);
        int newShort = CeilTo(Math.Max(1, (int)((double)newLong * shorter / longer)), patch);
        return width >= height ? (newLong, newShort) : (newShort, newLong);
    }

    /// <summary>Bytes to normalised numbers, with zeros at the right and the bottom up to a size.</summary>
    public static PreparedPicture Normalize(RgbImage picture, PixelNormalization normalization, int height, int width)
    {
        if (picture.Width > width || picture.Height > height)
        {
            throw new ArgumentException(
                $"A picture of {picture.Width}x{picture.Height} does not fit {width}x{height} (width x height).");
        }

        float[] numbers = new float[3 * height * width];
        ReadOnlySpan<float> reds = normalization.Table(0);
        ReadOnlySpan<float> greens = normalization.Table(1);
        ReadOnlySpan<float> blues = normalization.Table(2);
        for (int y = 0; y < picture.Height; y++)
        {
            ReadOnlySpan<byte> row = picture.Row(y);
            Span<float> red = numbers.AsSpan(y * width, picture.Width);
            Span<float> green = numbers.AsSpan((height + y) * width, picture.Width);
            Span<float> blue = numbers.AsSpan(((2 * height) + y) * width, picture.Width);
            for (int x = 0, at = 0; x < red.Length && at + 2 < row.Length; x++, at += 3)
            {
                (red[x], green[x], blue[x]) = (reds[row[at]], greens[row[at + 1]], blues[row[at + 2]]);
            }
        }

        return new PreparedPicture(numbers, height, width, picture.Height, picture.Width);
    }

    /// <summary>LLaVA's padding colour: <c>int(255 * mean)</c>.</summary>
    internal static Rgb MeanColour(PixelNormalization normalization) => new(
        (byte)(255 * normalization.Mean[0]), (byte)(255 * normalization.Mean[1]), (byte)(255 * normalization.Mean[2]));

    private static RgbImage MiddleOf(RgbImage picture)
    {
        (int width, int height) = (picture.Width, picture.Height);
        int keptWidth = (int)Math.Min(width, (long)RatioMax * height);
        int keptHeight = (int)Math.Min(height, (long)RatioMax * width);
        return keptWidth == width && keptHeight == height
            ? picture
            : ImageOps.Crop(picture,
                new PixelBox((width - keptWidth) / 2, (height - keptHeight) / 2, keptWidth, keptHeight));
    }

    private static int CeilTo(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
