using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Training.Data.Scenes;

/// <summary>Backgrounds that are drawn, not photographed: for pictures that are committed.</summary>
internal static class DrawnBackground
{
    /// <summary>How many kinds there are.</summary>
    public const int Kinds = 4;

    private const int Side = 640;

    /// <summary>0 meadow, 1 sea at dusk, 2 wooden table, 3 sand.</summary>
    public static RgbImage Draw(int kind)
    {
        var noise = new Noise((ulong)kind);
        var image = new RgbImage(Side, Side, Rgb.Black);
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++)
            {
                double v = (double)y / Side;
                image[x, y] = kind switch
                {
                    0 => v < 0.35
                        ? Mix(new Rgb(120, 170, 225), new Rgb(215, 230, 240),
                            v / 0.35 + 0.5 * noise.At(x / 90.0, y / 40.0))
                        : Mix(new Rgb(40, 95, 25), new Rgb(140, 180, 60), noise.At(x / 9.0, y / 46.0) + 0.3 * v),
                    1 => v < 0.5
                        ? Mix(new Rgb(70, 80, 130), new Rgb(240, 160, 90), v * 2 + 0.2 * noise.At(x / 120.0, y / 30.0))
                        : Mix(new Rgb(25, 50, 85), new Rgb(130, 140, 150), noise.At(x / 50.0, y / 7.0) * (1.6 - v)),
                    2 => Mix(new Rgb(95, 60, 30), new Rgb(180, 130, 80), noise.At(x / 160.0, y / 6.0)
                        + (y % 107 < 3 ? -0.6 : 0)),
                    _ => Mix(new Rgb(190, 160, 110), new Rgb(235, 215, 175),
                        0.6 * noise.At(x / 60.0, y / 25.0) + 0.4 * noise.At(x / 2.5, y / 2.5)),
                };
            }
        }

        return image;
    }

    private static Rgb Mix(Rgb a, Rgb b, double share)
    {
        share = Math.Clamp(share, 0, 1);
        byte Channel(byte from, byte to) => (byte)Math.Round(from + (to - from) * share);
        return new Rgb(Channel(a.R, b.R), Channel(a.G, b.G), Channel(a.B, b.B));
    }

    /// <summary>Value noise in two octaves, 0..1: random numbers on a grid, smoothly interpolated.</summary>
    private sealed class Noise
    {
        private const int Grid = 256;
        private readonly double[] _values = new double[Grid * Grid];

        public Noise(ulong seed)
        {
            var random = new SeededRandom(seed);
            for (int i = 0; i < _values.Length; i++)
            {
                _values[i] = random.NextDouble();
            }
        }

        public double At(double x, double y) => 0.67 * Octave(x, y) + 0.33 * Octave(x * 2.3 + 17, y * 2.3 + 31);

        private double Octave(double x, double y)
        {
            int left = (int)Math.Floor(x), top = (int)Math.Floor(y);
            double fx = Smooth(x - left), fy = Smooth(y - top);
            double upper = Value(left, top) * (1 - fx) + Value(left + 1, top) * fx;
            double lower = Value(left, top + 1) * (1 - fx) + Value(left + 1, top + 1) * fx;
            return upper * (1 - fy) + lower * fy;
        }

        private double Value(int x, int y) => _values[(y & (Grid - 1)) * Grid + (x & (Grid - 1))];

        private static double Smooth(double t) => t * t * (3 - 2 * t);
    }
}
