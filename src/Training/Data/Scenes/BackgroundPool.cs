using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Training.Data.Scenes;

/// <summary>Random crops of photographs, kept at three sizes so that a crop needs no resizing.</summary>
internal sealed class BackgroundPool
{
    private static readonly int[] s_shortSides = [400, 620, 900];
    private readonly List<RgbImage>[] _bySize;

    public BackgroundPool(IReadOnlyList<RgbImage> photographs)
    {
        _bySize = s_shortSides.Select(
            side => photographs.Select(photograph => Shrink(photograph, side)).ToList()).ToArray();
    }

    /// <summary>A square crop; wide ones show more of the photograph.</summary>
    public RgbImage Crop(int side, bool wide, SeededRandom random)
    {
        List<RgbImage> photographs = _bySize[wide ? random.NextInt(2) : random.NextInt(1, 3)];
        RgbImage photograph = random.Pick(photographs);
        int x = random.NextInt(photograph.Width - side + 1), y = random.NextInt(photograph.Height - side + 1);
        RgbImage crop = ImageOps.Crop(photograph, new PixelBox(x, y, side, side));
        bool mirrored = random.NextBool();
        double light = random.NextDouble(0.65, 1.15);
        Span<double> gains = [light * random.NextDouble(0.94, 1.06), light, light * random.NextDouble(0.94, 1.06)];
        byte[][] tables = new byte[3][];
        for (int c = 0; c < 3; c++)
        {
            double gain = gains[c];
            tables[c] = Enumerable.Range(0, 256).Select(value => (byte)Math.Min(255, value * gain)).ToArray();
        }

        for (int row = 0; row < side; row++)
        {
            Span<byte> pixels = crop.Row(row);
            for (int i = 0; i < pixels.Length; i++)
            {
                pixels[i] = tables[i % 3][pixels[i]];
            }

            if (mirrored)
            {
                Mirror(pixels);
            }
        }

        return crop;
    }

    private static void Mirror(Span<byte> row)
    {
        for (int left = 0, right = row.Length - 3; left < right; left += 3, right -= 3)
        {
            for (int c = 0; c < 3; c++)
            {
                (row[left + c], row[right + c]) = (row[right + c], row[left + c]);
            }
        }
    }

    // Never enlarged by more than the crop needs.
    private static RgbImage Shrink(RgbImage image, int shortSide)
    {
        int side = Math.Max(SceneComposer.Side, Math.Min(shortSide, Math.Min(image.Width, image.Height)));
        double scale = (double)side / Math.Min(image.Width, image.Height);
        int width = Math.Max(side, (int)(image.Width * scale)), height = Math.Max(side, (int)(image.Height * scale));
        return Resizer.Resize(image, width, height, Resampling.Bilinear);
    }
}
