using System.Globalization;
using PixSearch.Abstractions;

namespace PixSearch.Imaging.Drawing;

/// <summary>One line of a chart: points in the order of x.</summary>
public sealed record ChartSeries(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>One group of bars: a value for each series, with half the width of its error bar (0 for none).</summary>
public sealed record ChartGroup(string Name, IReadOnlyList<double> Values, IReadOnlyList<double>? Errors = null);

/// <summary>Simple line and bar charts as pictures.</summary>
public static class Chart
{
    private const int Left = 64;
    private const int Right = 16;
    private const int Top = 44;
    private const int Bottom = 34;
    private const int Ticks = 5;

    private static readonly Rgb s_grid = new(225, 225, 225);
    private static readonly Rgb s_axis = new(90, 90, 90);

    /// <summary>A line chart; values that are not finite leave a gap.</summary>
    public static RgbImage Lines(string title, IReadOnlyList<ChartSeries> series, string xName = "", int width = 800,
        int height = 420)
    {
        var points = series.SelectMany(line => line.Points)
            .Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y)).ToList();
        var frame = new Frame(width, height,
            points.Count == 0 ? 0 : points.Min(p => p.X), points.Count == 0 ? 1 : points.Max(p => p.X),
            points.Count == 0 ? 0 : Math.Min(0, points.Min(p => p.Y)), points.Count == 0 ? 1 : points.Max(p => p.Y));
        RgbImage image = DrawFrame(frame, title, series.Select(line => line.Name).ToList());
        for (int tick = 0; tick <= Ticks; tick++)
        {
            double x = frame.XMin + (frame.XMax - frame.XMin) * tick / Ticks;
            string text = Format(x);
            Canvas.Text(image, text, frame.X(x) - Canvas.TextWidth(text) / 2, height - Bottom + 6, s_axis);
        }

        Canvas.Text(image, xName, (width - Canvas.TextWidth(xName)) / 2, height - 12, s_axis);
        for (int i = 0; i < series.Count; i++)
        {
            IReadOnlyList<(double X, double Y)> line = series[i].Points;
            for (int p = 1; p < line.Count; p++)
            {
                if (double.IsFinite(line[p - 1].Y) && double.IsFinite(line[p].Y))
                {
                    Canvas.Line(image, frame.X(line[p - 1].X), frame.Y(line[p - 1].Y), frame.X(line[p].X),
                        frame.Y(line[p].Y), Rgb.Distinct(i), 2);
                }
            }
        }

        return image;
    }

    /// <summary>Grouped bars from 0, with error bars.</summary>
    public static RgbImage Bars(string title, IReadOnlyList<string> seriesNames, IReadOnlyList<ChartGroup> groups,
        int width = 800, int height = 420)
    {
        var finite = groups.SelectMany(group => group.Values).Where(double.IsFinite).DefaultIfEmpty(1).ToList();
        var frame = new Frame(width, height, 0, Math.Max(1, groups.Count), Math.Min(0, finite.Min()),
            Math.Max(0, finite.Max()));
        RgbImage image = DrawFrame(frame, title, seriesNames);
        double barWidth = 0.8 / Math.Max(1, seriesNames.Count);
        for (int g = 0; g < groups.Count; g++)
        {
            ChartGroup group = groups[g];
            int nameLeft = frame.X(g + 0.5) - Canvas.TextWidth(group.Name) / 2;
            Canvas.Text(image, group.Name, nameLeft, height - Bottom + 6, s_axis);
            for (int s = 0; s < group.Values.Count; s++)
            {
                if (double.IsFinite(group.Values[s]))
                {
                    DrawBar(image, frame, g + 0.1 + s * barWidth, barWidth * 0.92, group.Values[s],
                        group.Errors?[s] ?? 0, Rgb.Distinct(s));
                }
            }
        }

        Canvas.Line(image, frame.X(0), frame.Y(0), frame.X(frame.XMax), frame.Y(0), s_axis);
        return image;
    }

    private static void DrawBar(RgbImage image, Frame frame, double x, double barWidth, double value, double error,
        Rgb colour)
    {
        int left = frame.X(x), right = frame.X(x + barWidth);
        int top = Math.Min(frame.Y(0), frame.Y(value)), bottom = Math.Max(frame.Y(0), frame.Y(value));
        Canvas.Fill(image, new PixelBox(left, top, Math.Max(1, right - left), bottom - top), colour);
        int middle = (left + right) / 2;
        if (error > 0)
        {
            Canvas.Line(image, middle, frame.Y(value - error), middle, frame.Y(value + error), Rgb.Black);
        }

        string text = value.ToString("0.00", CultureInfo.InvariantCulture);
        if (Canvas.TextWidth(text) <= right - left + 8)
        {
            int above = frame.Y(value + Math.Max(0, error)) - 10;
            Canvas.Text(image, text, middle - Canvas.TextWidth(text) / 2, above, Rgb.Black);
        }
    }

    private static RgbImage DrawFrame(Frame frame, string title, IReadOnlyList<string> names)
    {
        var image = new RgbImage(frame.Width, frame.Height, Rgb.White);
        Canvas.Text(image, title, Left, 8, Rgb.Black, 2);
        int x = Left;
        for (int i = 0; i < names.Count; i++)
        {
            Canvas.Fill(image, new PixelBox(x, 28, 8, 8), Rgb.Distinct(i));
            Canvas.Text(image, names[i], x + 12, 29, Rgb.Black);
            x += Canvas.TextWidth(names[i]) + 28;
        }

        for (int tick = 0; tick <= Ticks; tick++)
        {
            double value = frame.YMin + (frame.YMax - frame.YMin) * tick / Ticks;
            int y = frame.Y(value);
            Canvas.Line(image, Left, y, frame.Width - Right, y, s_grid);
            string text = Format(value);
            Canvas.Text(image, text, Left - 6 - Canvas.TextWidth(text), y - 3, s_axis);
        }

        return image;
    }

    private static string Format(double value) => Math.Abs(value) switch
    {
        >= 1e6 => value.ToString("0.##e0", CultureInfo.InvariantCulture),
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 1 or 0 => value.ToString("0.##", CultureInfo.InvariantCulture),
        >= 0.01 => value.ToString("0.###", CultureInfo.InvariantCulture),
        _ => value.ToString("0.##e0", CultureInfo.InvariantCulture),
    };

    /// <summary>From values to pixels.</summary>
    private sealed class Frame
    {
        public Frame(int width, int height, double xMin, double xMax, double yMin, double yMax)
        {
            (Width, Height, XMin, YMin) = (width, height, xMin, yMin);
            XMax = xMax > xMin ? xMax : xMin + 1;
            YMax = yMax > yMin ? yMin + (yMax - yMin) * 1.08 : yMin + 1;
        }

        public int Width { get; }

        public int Height { get; }

        public double XMin { get; }

        public double XMax { get; }

        public double YMin { get; }

        public double YMax { get; }

        public int X(double value) => Left + (int)Math.Round((value - XMin) / (XMax - XMin) * (Width - Left - Right));

        public int Y(double value) =>
            Height - Bottom - (int)Math.Round((value - YMin) / (YMax - YMin) * (Height - Top - Bottom));
    }
}
