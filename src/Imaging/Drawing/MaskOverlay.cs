using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;

namespace PixSearch.Imaging.Drawing;

/// <summary>A mask to be shown.</summary>
/// <param name="Mask">As large as the picture.</param>
/// <param name="Colour">Colour of fill, contour and plate.</param>
/// <param name="Label">Text beside it; empty for none.</param>
public sealed record OverlayMask(BinaryMask Mask, Rgb Colour, string Label);

/// <summary>Draws masks over a picture: see-through fill, solid contour, label.</summary>
public static class MaskOverlay
{
    private const int FillAlpha = 56;

    /// <summary>A copy of the picture with the masks drawn in, in order; labels last, so that no mask hides
    /// one.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="masks">Masks as large as the picture.</param>
    public static RgbImage Draw(RgbImage image, IReadOnlyList<OverlayMask> masks)
    {
        RgbImage result = image.Clone();
        int scale = Math.Max(1, Math.Max(image.Width, image.Height) / 400);
        foreach (OverlayMask overlay in masks)
        {
            DrawOne(result, overlay, contour: scale);
        }

        var taken = new List<PixelBox>();
        foreach (OverlayMask overlay in masks)
        {
            PixelBox box = overlay.Mask.Box;
            if (overlay.Label.Length > 0 && box.Width > 0)
            {
                DrawLabel(result, overlay, box, scale, taken);
            }
        }

        return result;
    }

    private static void DrawOne(RgbImage image, OverlayMask overlay, int contour)
    {
        BinaryMask mask = overlay.Mask;
        if (mask.Width != image.Width || mask.Height != image.Height)
        {
            throw new ArgumentException(
                $"A {mask.Width}x{mask.Height} mask does not fit a {image.Width}x{image.Height} picture.");
        }

        PixelBox box = mask.Box;
        for (int y = box.Y; y < box.Y + box.Height; y++)
        {
            for (int x = box.X; x < box.X + box.Width; x++)
            {
                if (mask[x, y])
                {
                    Canvas.Blend(image, x, y, overlay.Colour, IsEdge(mask, x, y, contour) ? 255 : FillAlpha);
                }
            }
        }
    }

    // An edge pixel has an unset pixel (or the border) within the contour's width, along an axis.
    private static bool IsEdge(BinaryMask mask, int x, int y, int contour)
    {
        if (x < contour || y < contour || x + contour >= mask.Width || y + contour >= mask.Height)
        {
            return true;
        }

        for (int d = 1; d <= contour; d++)
        {
            if (!mask[x - d, y] || !mask[x + d, y] || !mask[x, y - d] || !mask[x, y + d])
            {
                return true;
            }
        }

        return false;
    }

    // Above the box, or pushed down past labels that are there already.
    private static void DrawLabel(RgbImage image, OverlayMask overlay, PixelBox box, int scale, List<PixelBox> taken)
    {
        int width = Canvas.TextWidth(overlay.Label, scale) + 4 * scale, height = Canvas.TextHeight(scale) + 4 * scale;
        int x = Math.Max(0, Math.Min(box.X, image.Width - width));
        int y = Math.Max(0, Math.Min(box.Y - height, image.Height - height));
        var place = new PixelBox(x, y, width, height);
        for (int tries = 0; tries < taken.Count && taken.Any(other => Overlap(other, place)); tries++)
        {
            place = place with { Y = Math.Min(place.Y + height, image.Height - height) };
        }

        taken.Add(place);
        Canvas.Label(image, overlay.Label, place.X, place.Y, overlay.Colour, scale);
    }

    private static bool Overlap(PixelBox a, PixelBox b) =>
        a.X < b.X + b.Width && b.X < a.X + a.Width && a.Y < b.Y + b.Height && b.Y < a.Y + a.Height;
}
