using PixSearch.Abstractions;

namespace PixSearch.Imaging.Drawing;

/// <summary>Plain drawing on a picture; everything outside is cut off.</summary>
public static class Canvas
{
    /// <summary>Height in pixels of one line of text at a scale.</summary>
    public static int TextHeight(int scale = 1) => BitmapFont.GlyphHeight * scale;

    /// <summary>Width in pixels of a text at a scale.</summary>
    public static int TextWidth(string text, int scale = 1) =>
        text.Length == 0 ? 0 : (text.Length * BitmapFont.Advance - 1) * scale;

    /// <summary>Fills a box; opacity 0..1.</summary>
    public static void Fill(RgbImage image, PixelBox box, Rgb colour, double opacity = 1)
    {
        int alpha = (int)(Math.Clamp(opacity, 0, 1) * 255);
        int left = Math.Max(0, box.X), right = Math.Min(image.Width, box.X + box.Width);
        for (int y = Math.Max(0, box.Y); y < Math.Min(image.Height, box.Y + box.Height); y++)
        {
            for (int x = left; x < right; x++)
            {
                Blend(image, x, y, colour, alpha);
            }
        }
    }

    /// <summary>Draws a line by Bresenham's algorithm, with a square pen.</summary>
    public static void Line(RgbImage image, int x0, int y0, int x1, int y1, Rgb colour, int thickness = 1)
    {
        int dx = Math.Abs(x1 - x0), dy = -Math.Abs(y1 - y0);
        int stepX = x0 < x1 ? 1 : -1, stepY = y0 < y1 ? 1 : -1;
        int error = dx + dy;
        int before = thickness / 2;
        while (true)
        {
            Fill(image, new PixelBox(x0 - before, y0 - before, thickness, thickness), colour);
            if (x0 == x1 && y0 == y1)
            {
                return;
            }

            int twice = 2 * error;
            if (twice >= dy)
            {
                error += dy;
                x0 += stepX;
            }

            if (twice <= dx)
            {
                error += dx;
                y0 += stepY;
            }
        }
    }

    /// <summary>Writes one line of text; (x, y) is its top left corner.</summary>
    public static void Text(RgbImage image, string text, int x, int y, Rgb colour, int scale = 1)
    {
        foreach (char character in BitmapFont.Simplify(text))
        {
            for (int row = 0; row < BitmapFont.GlyphHeight; row++)
            {
                for (int column = 0; column < BitmapFont.GlyphWidth; column++)
                {
                    if (BitmapFont.IsSet(character, column, row))
                    {
                        Fill(image, new PixelBox(x + column * scale, y + row * scale, scale, scale), colour);
                    }
                }
            }

            x += BitmapFont.Advance * scale;
        }
    }

    /// <summary>Writes text on a plate of its own, moved so that it lies inside the picture.</summary>
    public static void Label(RgbImage image, string text, int x, int y, Rgb plate, int scale = 1)
    {
        int width = TextWidth(text, scale) + 4 * scale, height = TextHeight(scale) + 4 * scale;
        x = Math.Max(0, Math.Min(x, image.Width - width));
        y = Math.Max(0, Math.Min(y, image.Height - height));
        Fill(image, new PixelBox(x, y, width, height), plate);
        Text(image, text, x + 2 * scale, y + 2 * scale, Readable(plate), scale);
    }

    /// <summary>Black or white, whichever reads better on a colour (Rec. 601 luma).</summary>
    public static Rgb Readable(Rgb background) =>
        background.R * 299 + background.G * 587 + background.B * 114 > 128_000 ? Rgb.Black : Rgb.White;

    internal static void Blend(RgbImage image, int x, int y, Rgb colour, int alpha)
    {
        Span<byte> pixel = image.Row(y).Slice(x * 3, 3);
        pixel[0] = RgbaImage.Blend(colour.R, pixel[0], alpha);
        pixel[1] = RgbaImage.Blend(colour.G, pixel[1], alpha);
        pixel[2] = RgbaImage.Blend(colour.B, pixel[2], alpha);
    }
}
