using System.Globalization;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Sam;

namespace PixSearch.Cli;

/// <summary>Points, boxes and masks on the command line, in pixels of the picture.</summary>
internal static class Regions
{
    /// <summary><c>x,y</c> or <c>x,y,0</c> (0 = outside of the object).</summary>
    public static SamPoint Point(string text)
    {
        float[] numbers = Numbers(text);
        return numbers.Length is 2 or 3 && (numbers.Length == 2 || numbers[2] is 0 or 1)
            ? new SamPoint(numbers[0], numbers[1], numbers.Length == 2 || numbers[2] == 1)
            : throw Bad("--point", text, "x,y or x,y,0 (0 = outside of the object)");
    }

    /// <summary><c>x,y,width,height</c>.</summary>
    public static PixelBox Box(string option, string text) =>
        TryBox(text) ?? throw Bad(option, text, "x,y,width,height in pixels");

    /// <summary>A picture in which what is brighter than half is inside.</summary>
    public static BinaryMask Mask(string file)
    {
        RgbImage image = PictureCodec.DecodeFile(file);
        var mask = new BinaryMask(image.Width, image.Height);
        for (int i = 0; i < mask.Bits.Length; i++)
        {
            ReadOnlySpan<byte> pixel = image.Pixels.Slice(3 * i, 3);
            mask.Bits[i] = pixel[0] + pixel[1] + pixel[2] > 3 * 127 ? (byte)1 : (byte)0;
        }

        return mask.Area > 0 ? mask : throw new PixException(PixErrorKind.InvalidArgument,
            $"The mask {file} has no pixel inside: what is brighter than half is.");
    }

    /// <summary>A box <c>x,y,width,height</c>, or the file of a mask.</summary>
    public static BinaryMask BoxOrMask(string option, string text, RgbImage picture)
    {
        if (File.Exists(text))
        {
            return Mask(text);
        }

        PixelBox box = TryBox(text)
            ?? throw Bad(option, text, "x,y,width,height in pixels, or the file of a mask");
        var mask = new BinaryMask(picture.Width, picture.Height);
        for (int y = Math.Max(0, box.Y); y < Math.Min(picture.Height, box.Y + box.Height); y++)
        {
            for (int x = Math.Max(0, box.X); x < Math.Min(picture.Width, box.X + box.Width); x++)
            {
                mask[x, y] = true;
            }
        }

        return mask.Area > 0 ? mask : throw Bad(option, text, "a box that meets the picture, or the file of a mask");
    }

    private static PixelBox? TryBox(string text)
    {
        float[] numbers = Numbers(text);
        return numbers.Length == 4 && numbers[2] >= 1 && numbers[3] >= 1 && numbers.All(n => MathF.Abs(n) <= 1_000_000)
            ? new PixelBox((int)numbers[0], (int)numbers[1], (int)numbers[2], (int)numbers[3])
            : null;
    }

    private static float[] Numbers(string text)
    {
        string[] parts = text.Split(',');
        float[] numbers = new float[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!float.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]) ||
                !float.IsFinite(numbers[i]))
            {
                return [];
            }
        }

        return numbers;
    }

    private static PixException Bad(string option, string value, string wanted) =>
        new(PixErrorKind.InvalidArgument, $"{option} is '{value}'; it must be {wanted}.");
}
