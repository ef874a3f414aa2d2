using PixSearch.Abstractions;

namespace PixSearch.Training.Data.Scenes;

/// <summary>How one thing is drawn. Lengths in pixels of the scene, angles in radians.</summary>
internal sealed record Placement
{
    public required double CenterX { get; init; }

    public required double CenterY { get; init; }

    /// <summary>Size before it is turned.</summary>
    public required double Width { get; init; }

    public required double Height { get; init; }

    public double Angle { get; init; }

    public bool Mirrored { get; init; }

    /// <summary>Perspective: how much nearer the right (bottom) edge is than the middle, about -0.3 to 0.3.</summary>
    public double TiltX { get; init; }

    public double TiltY { get; init; }

    /// <summary>Height of the waves, as a share of the height; 0 for stiff things.</summary>
    public double WaveHeight { get; init; }

    public double WaveCount { get; init; }

    public double WavePhase { get; init; }

    /// <summary>Light by channel, about 0.6 to 1.3.</summary>
    public (float R, float G, float B) Light { get; init; } = (1, 1, 1);

    /// <summary>Blur as levels of half the size, 0 to 1.5.</summary>
    public double Blur { get; init; }

    /// <summary>The box that the thing stays inside of.</summary>
    public PixelBox Bounds()
    {
        double cos = Math.Abs(Math.Cos(Angle)), sin = Math.Abs(Math.Sin(Angle));
        double height = Height * (1 + 2 * WaveHeight);
        double grow = 1 / (1 - 0.5 * (Math.Abs(TiltX) + Math.Abs(TiltY)));
        double halfWidth = (Width * cos + height * sin) / 2 * grow + 1;
        double halfHeight = (Width * sin + height * cos) / 2 * grow + 1;
        return new PixelBox((int)Math.Floor(CenterX - halfWidth), (int)Math.Floor(CenterY - halfHeight),
            (int)Math.Ceiling(2 * halfWidth) + 1, (int)Math.Ceiling(2 * halfHeight) + 1);
    }
}
