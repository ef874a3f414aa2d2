using PixSearch.Abstractions;

namespace PixSearch.Imaging;

/// <summary>Cropping, padding and pasting.</summary>
public static class ImageOps
{
    /// <summary>The part inside a box, which is first cut to the picture; an empty cut is an argument error.</summary>
    public static RgbImage Crop(RgbImage image, PixelBox box)
    {
        (int left, int top, int right, int bottom) = Cut(box, image.Width, image.Height);
        var result = new RgbImage(right - left, bottom - top, new byte[(right - left) * (bottom - top) * 3]);
        for (int y = top; y < bottom; y++)
        {
            image.Row(y)[(left * 3)..(right * 3)].CopyTo(result.Row(y - top));
        }

        return result;
    }

    /// <summary>The part of a cut-out inside a box.</summary>
    public static RgbaImage Crop(RgbaImage image, PixelBox box)
    {
        (int left, int top, int right, int bottom) = Cut(box, image.Width, image.Height);
        var result = new RgbaImage(right - left, bottom - top);
        for (int y = top; y < bottom; y++)
        {
            image.Row(y)[(left * 4)..(right * 4)].CopyTo(result.Row(y - top));
        }

        return result;
    }

    /// <summary>Centres the picture in a square of one colour (LLaVA's "pad"; the odd pixel goes to the far
    /// side).</summary>
    public static RgbImage PadToSquare(RgbImage image, Rgb colour)
    {
        if (image.Width == image.Height)
        {
            return image;
        }

        int side = Math.Max(image.Width, image.Height);
        var result = new RgbImage(side, side, colour);
        Paste(image, (side - image.Width) / 2, (side - image.Height) / 2, result);
        return result;
    }

    /// <summary>Pads at the right and at the bottom (SAM's).</summary>
    public static RgbImage PadTo(RgbImage image, int width, int height, Rgb colour)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, image.Width);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, image.Height);
        var result = new RgbImage(width, height, colour);
        Paste(image, 0, 0, result);
        return result;
    }

    /// <summary>Mirrors left and right.</summary>
    public static RgbaImage FlipHorizontal(RgbaImage image)
    {
        var result = new RgbaImage(image.Width, image.Height);
        for (int y = 0; y < image.Height; y++)
        {
            ReadOnlySpan<byte> source = image.Row(y);
            Span<byte> target = result.Row(y);
            for (int x = 0; x < image.Width; x++)
            {
                source.Slice(x * 4, 4).CopyTo(target[((image.Width - 1 - x) * 4)..]);
            }
        }

        return result;
    }

    /// <summary>Puts a picture onto another; parts outside are cut off.</summary>
    public static void Paste(RgbImage image, int x, int y, RgbImage target)
    {
        int left = Math.Max(0, x), right = Math.Min(target.Width, x + image.Width);
        for (int row = Math.Max(0, y); row < Math.Min(target.Height, y + image.Height) && left < right; row++)
        {
            image.Row(row - y)[((left - x) * 3)..((right - x) * 3)].CopyTo(target.Row(row)[(left * 3)..]);
        }
    }

    /// <summary>Blends a cut-out onto a picture; parts outside are cut off.</summary>
    public static void Paste(RgbaImage image, int x, int y, RgbImage target)
    {
        int left = Math.Max(0, x), right = Math.Min(target.Width, x + image.Width);
        for (int row = Math.Max(0, y); row < Math.Min(target.Height, y + image.Height); row++)
        {
            ReadOnlySpan<byte> source = image.Row(row - y);
            Span<byte> destination = target.Row(row);
            for (int column = left; column < right; column++)
            {
                int from = (column - x) * 4, to = column * 3;
                int alpha = source[from + 3];
                destination[to] = RgbaImage.Blend(source[from], destination[to], alpha);
                destination[to + 1] = RgbaImage.Blend(source[from + 1], destination[to + 1], alpha);
                destination[to + 2] = RgbaImage.Blend(source[from + 2], destination[to + 2], alpha);
            }
        }
    }

    private static (int Left, int Top, int Right, int Bottom) Cut(PixelBox box, int width, int height)
    {
        int left = Math.Clamp(box.X, 0, width), right = (int)Math.Clamp((long)box.X + box.Width, 0, width);
        int top = Math.Clamp(box.Y, 0, height), bottom = (int)Math.Clamp((long)box.Y + box.Height, 0, height);
        return right > left && bottom > top
            ? (left, top, right, bottom)
            : throw new ArgumentException($"Box {box} has no pixel of a {width}x{height} picture.", nameof(box));
    }
}
