using PixSearch.Abstractions;

namespace PixSearch.Imaging.Masks;

/// <summary>What a region query shows of the pixels that are in the mask's box but not in the mask.</summary>
public enum CropBackground
{
    /// <summary>They become <see cref="RegionCrop.FillColour"/>: what is sent is the entity alone.</summary>
    Fill,

    /// <summary>They stay.</summary>
    Keep,
}

/// <summary>Which part of its mask a region query shows.</summary>
public enum CropPart
{
    /// <summary>The largest part (<see cref="MaskParts.Main"/>).</summary>
    Main,

    /// <summary>All of it, islands too.</summary>
    Whole,
}

/// <summary>
/// Cuts the region of a mask out of a picture: <c>crop(I, M)</c> of PixSearch §3.2, whose background rule the paper
/// leaves open. Training of the index encoder, decoding and evaluation must cut alike, so all of them call this.
/// </summary>
public static class RegionCrop
{
    /// <summary>CLIP's mean colour, which is also the colour that pads a crop to a square: the encoder reads it as
    /// "nothing".</summary>
    public static Rgb FillColour => new(122, 116, 104);

    /// <summary>The tight box of the mask, cut out; the whole picture when the mask is empty.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="mask">Of the picture's size.</param>
    /// <param name="background">What becomes of the pixels outside the mask.</param>
    /// <param name="padding">Border round the tight box, as a share of its longer side, 0..1; cut at the picture's
    /// edge.</param>
    /// <param name="part">Whose box is cut out.</param>
    public static RgbImage Cut(RgbImage image, BinaryMask mask, CropBackground background = CropBackground.Fill,
        float padding = 0, CropPart part = CropPart.Main)
    {
        if (mask.Width != image.Width || mask.Height != image.Height)
        {
            throw new ArgumentException(
                $"A mask of {mask.Width}x{mask.Height} cannot cut a picture of {image.Width}x{image.Height}.",
                nameof(mask));
        }

        BinaryMask shown = part == CropPart.Main ? MaskParts.Main(mask) : mask;
        PixelBox tight = shown.Box;
        if (tight.Width == 0)
        {
            return image;
        }

        PixelBox box = Pad(tight, padding, image.Width, image.Height);
        RgbImage crop = ImageOps.Crop(image, box);
        if (background == CropBackground.Fill)
        {
            FillOutside(shown, box, crop);
        }

        return crop;
    }

    private static PixelBox Pad(PixelBox box, float padding, int width, int height)
    {
        int border = (int)MathF.Round(padding * Math.Max(box.Width, box.Height));
        int left = Math.Max(0, box.X - border);
        int top = Math.Max(0, box.Y - border);
        int right = Math.Min(width, box.X + box.Width + border);
        int bottom = Math.Min(height, box.Y + box.Height + border);
        return new PixelBox(left, top, right - left, bottom - top);
    }

    private static void FillOutside(BinaryMask mask, PixelBox box, RgbImage crop)
    {
        Rgb colour = FillColour;
        for (int y = 0; y < box.Height; y++)
        {
            ReadOnlySpan<byte> bits = mask.Bits.Slice(((box.Y + y) * mask.Width) + box.X, box.Width);
            Span<byte> row = crop.Row(y);
            for (int x = 0; x < bits.Length; x++)
            {
                if (bits[x] == 0)
                {
                    (row[3 * x], row[(3 * x) + 1], row[(3 * x) + 2]) = (colour.R, colour.G, colour.B);
                }
            }
        }
    }
}
