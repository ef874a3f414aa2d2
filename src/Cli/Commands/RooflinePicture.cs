using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Drawing;
using PixSearch.Tensors.Benchmarks;

namespace PixSearch.Cli.Commands;

/// <summary>
/// Kernels under the limits of the machine (Williams, Waterman, Patterson 2009): operations a byte across, operations a
/// second up, both logarithmic; the slope is bandwidth, the flat part peak arithmetic.
/// </summary>
internal static class RooflinePicture
{
    private const int Width = 900;
    private const int Height = 560;
    private const int Margin = 70;
    private const double IntensityMin = 0.05;
    private const double IntensityMax = 2000;
    private static readonly Rgb s_axis = new(90, 90, 90);
    private static readonly Rgb s_grid = new(225, 225, 225);

    /// <summary>Draws the picture.</summary>
    public static RgbImage Draw(MachineLimits limits, IReadOnlyList<KernelResult> results)
    {
        var image = new RgbImage(Width, Height, Rgb.White);
        double top = limits.PeakFlops * 2;
        double bottom = limits.PeakFlops / 2000;
        for (double x = 0.1; x <= IntensityMax; x *= 10)
        {
            Canvas.Line(image, X(x), Y(top), X(x), Y(bottom), s_grid);
            Canvas.Text(image, $"{x:0.#}", X(x) - 8, Height - Margin + 8, s_axis);
        }

        for (double y = 1e8; y <= top; y *= 10)
        {
            if (y >= bottom)
            {
                Canvas.Line(image, X(IntensityMin), Y(y), X(IntensityMax), Y(y), s_grid);
                Canvas.Text(image, $"{y / 1e9:0.#}", 30, Y(y) - 4, s_axis);
            }
        }

        Canvas.Text(image, "Roofline: GF/s over operations a byte", Margin, 16, Rgb.Black, 2);
        Roof(limits.MemoryBytes, "memory");
        Roof(limits.CacheBytes, "caches");
        List<string> groups = [.. results.Select(r => r.Group).Distinct()];
        for (int i = 0; i < groups.Count; i++)
        {
            Canvas.Fill(image, new PixelBox(Margin + (i * 130), 44, 8, 8), Rgb.Distinct(i));
            Canvas.Text(image, groups[i], Margin + 12 + (i * 130), 45, Rgb.Black);
        }

        foreach (KernelResult r in results)
        {
            Rgb colour = Rgb.Distinct(groups.IndexOf(r.Group));
            Canvas.Fill(image, new PixelBox(X(r.Flops / r.Bytes) - 3, Y(r.Flops / r.Seconds) - 3, 6, 6), colour);
        }

        return image;

        int X(double intensity) =>
            Margin + (int)((Width - (2 * Margin)) * Share(intensity, IntensityMin, IntensityMax));
        int Y(double rate) => Height - Margin - (int)((Height - (2 * Margin)) * Share(rate, bottom, top));
        void Roof(double bandwidth, string name)
        {
            double ridge = limits.PeakFlops / bandwidth;
            double start = Math.Max(IntensityMin, bottom / bandwidth);
            Canvas.Line(image, X(start), Y(start * bandwidth), X(ridge), Y(limits.PeakFlops), Rgb.Black, 2);
            Canvas.Line(image, X(ridge), Y(limits.PeakFlops), X(IntensityMax), Y(limits.PeakFlops), Rgb.Black, 2);
            Canvas.Text(image, $"{name} {bandwidth / 1e9:0} GB/s", X(start) + 4, Y(start * bandwidth) - 14, Rgb.Black);
        }
    }

    private static double Share(double value, double min, double max) =>
        Math.Clamp(Math.Log(value / min) / Math.Log(max / min), 0, 1);
}
