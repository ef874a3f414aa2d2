using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Preprocessing;

namespace PixSearch.Training.Retriever;

/// <summary>How far a view departs from its picture; angles in degrees, all else as shares.</summary>
/// <param name="Rotation">Largest turn.</param>
/// <param name="Scale">Largest change of size, in logarithm.</param>
/// <param name="Aspect">Largest change of the sides' ratio, in logarithm.</param>
/// <param name="Shear">Largest shear.</param>
/// <param name="Shift">Largest shift.</param>
/// <param name="Light">Largest change of brightness and of each colour, in logarithm.</param>
/// <param name="Erase">Probability that a rectangle is hidden.</param>
public sealed record ViewRange(double Rotation, double Scale, double Aspect, double Shear, double Shift, double Light,
    double Erase)
{
    /// <summary>For document pictures: nearly as indexed.</summary>
    public static ViewRange Slight => new(3, 0.05, 0.03, 0.02, 0.02, 0.08, 0);

    /// <summary>For crops of scenes, which vary by themselves.</summary>
    public static ViewRange Crop => new(6, 0.12, 0.08, 0.04, 0.05, 0.2, 0.3);

    /// <summary>For document pictures that stand in for crops.</summary>
    public static ViewRange Strong => new(20, 0.25, 0.3, 0.2, 0.08, 0.35, 0.5);
}

/// <summary>Makes augmented views: one affine map, light, a hidden rectangle.</summary>
public static class ViewMaker
{
    /// <summary>A view as input of the encoder.</summary>
    /// <param name="source">A square picture.</param>
    /// <param name="range">How far the view departs.</param>
    /// <param name="mirror">Whether left and right are swapped.</param>
    /// <param name="random">Chooses within the range.</param>
    /// <param name="side">Side of the view.</param>
    /// <param name="destination">Normalised numbers. Shape: [3, side, side].</param>
    public static void Make(RgbImage source, ViewRange range, bool mirror, SeededRandom random, int side,
        Span<float> destination)
    {
        double Draw(double most) => random.NextDouble(-most, most);
        double angle = Draw(range.Rotation) * Math.PI / 180;
        double scale = Math.Exp(Draw(range.Scale)) * source.Width / side;
        double aspect = Math.Exp(Draw(range.Aspect) / 2);
        double shear = Draw(range.Shear);
        (double sin, double cos) = Math.SinCos(angle);

        // From view to source: mirror, scale, shear, turn, around the middles.
        double mirrored = mirror ? -1 : 1;
        (double ax, double ay) = (scale * aspect * mirrored * cos, scale / aspect * ((shear * cos) - sin));
        (double bx, double by) = (scale * aspect * mirrored * sin, scale / aspect * ((shear * sin) + cos));
        double shiftX = (source.Width / 2.0) + (Draw(range.Shift) * source.Width);
        double shiftY = (source.Height / 2.0) + (Draw(range.Shift) * source.Height);
        Span<float> gain = stackalloc float[3];
        double light = Draw(range.Light);
        for (int colour = 0; colour < 3; colour++)
        {
            gain[colour] = (float)Math.Exp(light + Draw(range.Light / 2));
        }

        PixelBox hidden = random.NextBool(range.Erase) ? Rectangle(random, side) : default;
        for (int y = 0; y < side; y++)
        {
            for (int x = 0; x < side; x++)
            {
                bool isHidden = x >= hidden.X && x < hidden.X + hidden.Width && y >= hidden.Y
                    && y < hidden.Y + hidden.Height;
                (double u, double v) = (x + 0.5 - (side / 2.0), y + 0.5 - (side / 2.0));
                float sx = isHidden ? -1 : (float)((ax * u) + (ay * v) + shiftX - 0.5);
                float sy = isHidden ? -1 : (float)((bx * u) + (by * v) + shiftY - 0.5);
                Sample(source, sx, sy, gain, destination, (y * side) + x, side * side);
            }
        }
    }

    private static PixelBox Rectangle(SeededRandom random, int side)
    {
        int width = random.NextInt(side / 8, side / 2);
        int height = random.NextInt(side / 8, side / 2);
        return new PixelBox(random.NextInt(-width / 2, side - (width / 2)), random.NextInt(-height / 2,
            side - (height / 2)),
            width, height);
    }

    // Bilinear; outside of the picture is the fill colour, whatever the light.
    private static void Sample(RgbImage source, float x, float y, ReadOnlySpan<float> gain, Span<float> destination,
        int at,
        int plane)
    {
        PixelNormalization normalization = PixelNormalization.Clip;
        bool inside = x >= 0 && y >= 0 && x <= source.Width - 1 && y <= source.Height - 1;
        int left = inside ? (int)x : 0;
        int top = inside ? (int)y : 0;
        int right = Math.Min(left + 1, source.Width - 1);
        (float fx, float fy) = (x - left, y - top);
        ReadOnlySpan<byte> upper = source.Row(top);
        ReadOnlySpan<byte> lower = source.Row(Math.Min(top + 1, source.Height - 1));
        for (int colour = 0; colour < 3; colour++)
        {
            float value = colour switch { 0 => RegionCrop.FillColour.R, 1 => RegionCrop.FillColour.G,
                _ => RegionCrop.FillColour.B };
            if (inside)
            {
                float a = upper[(3 * left) + colour] + (fx * (upper[(3 * right) + colour] - upper[(3 * left)
                    + colour]));
                float b = lower[(3 * left) + colour] + (fx * (lower[(3 * right) + colour] - lower[(3 * left)
                    + colour]));
                value = Math.Min(255, (a + (fy * (b - a))) * gain[colour]);
            }

            destination[(colour * plane) + at] =
                ((value / 255) - normalization.Mean[colour]) / normalization.Deviation[colour];
        }
    }
}
