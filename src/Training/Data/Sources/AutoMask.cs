using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Training.Data.Sources;

/// <summary>Cuts a thing out of a photograph whose border is plain white or black, by filling in from the
/// border.</summary>
internal static class AutoMask
{
    private const int WhiteMin = 228;
    private const int BlackMax = 30;
    private const double CleanBorderMin = 0.97;
    private const double AreaShareMin = 0.08;
    private const double AreaShareMax = 0.82;

    /// <summary>The cut-out, or null when the border is not clean or too little or too much is left.</summary>
    public static RgbaImage? Cut(RgbImage photograph)
    {
        foreach (bool white in (bool[])[true, false])
        {
            if (CleanBorderShare(photograph, white) >= CleanBorderMin)
            {
                return Cut(photograph, white);
            }
        }

        return null;
    }

    private static RgbaImage? Cut(RgbImage photograph, bool white)
    {
        (int width, int height) = (photograph.Width, photograph.Height);
        bool[] ground = Flood(photograph, white);
        int area = ground.Count(isGround => !isGround);
        double share = (double)area / ground.Length;
        if (share is < AreaShareMin or > AreaShareMax)
        {
            return null;
        }

        RgbaImage result = RgbaImage.From(photograph);
        int left = width, top = height, right = 0, bottom = 0;
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int thing = CountThing(ground, width, height, x, y);
                // The rim mixes with the plain ground: a pixel needs most of its neighbours to be wholly visible.
                int alpha = thing <= 4 ? 0 : (thing - 4) * 255 / 5;
                result.Row(y)[x * 4 + 3] = (byte)alpha;
                if (alpha > 127)
                {
                    (left, right) = (Math.Min(left, x), Math.Max(right, x + 1));
                    (top, bottom) = (Math.Min(top, y), Math.Max(bottom, y + 1));
                }
            }
        }

        return right <= left || bottom <= top
            ? null
            : ImageOps.Crop(result, new PixelBox(left, top, right - left, bottom - top));
    }

    private static int CountThing(bool[] ground, int width, int height, int x, int y)
    {
        int count = 0;
        for (int dy = -1; dy <= 1; dy++)
        {
            for (int dx = -1; dx <= 1; dx++)
            {
                int nx = Math.Clamp(x + dx, 0, width - 1), ny = Math.Clamp(y + dy, 0, height - 1);
                count += ground[ny * width + nx] ? 0 : 1;
            }
        }

        return count;
    }

    private static bool[] Flood(RgbImage photograph, bool white)
    {
        (int width, int height) = (photograph.Width, photograph.Height);
        bool[] ground = new bool[width * height];
        var queue = new Queue<(int X, int Y)>();
        void Visit(int x, int y)
        {
            if ((uint)x < (uint)width && (uint)y < (uint)height && !ground[y * width + x]
                && IsGround(photograph[x, y], white))
            {
                ground[y * width + x] = true;
                queue.Enqueue((x, y));
            }
        }

        for (int x = 0; x < width; x++)
        {
            Visit(x, 0);
            Visit(x, height - 1);
        }

        for (int y = 0; y < height; y++)
        {
            Visit(0, y);
            Visit(width - 1, y);
        }

        while (queue.TryDequeue(out (int X, int Y) at))
        {
            Visit(at.X - 1, at.Y);
            Visit(at.X + 1, at.Y);
            Visit(at.X, at.Y - 1);
            Visit(at.X, at.Y + 1);
        }

        return ground;
    }

    private static double CleanBorderShare(RgbImage image, bool white)
    {
        int clean = 0, all = 0;
        for (int y = 0; y < image.Height; y++)
        {
            int step = y == 0 || y == image.Height - 1 ? 1 : image.Width - 1;
            for (int x = 0; x < image.Width; x += step)
            {
                all++;
                clean += IsGround(image[x, y], white) ? 1 : 0;
            }
        }

        return (double)clean / all;
    }

    private static bool IsGround(Rgb colour, bool white) => white
        ? Math.Min(colour.R, Math.Min(colour.G, colour.B)) >= WhiteMin
        : Math.Max(colour.R, Math.Max(colour.G, colour.B)) <= BlackMax;
}
