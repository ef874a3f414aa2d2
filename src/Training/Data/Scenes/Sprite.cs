using PixSearch.Imaging;

namespace PixSearch.Training.Data.Scenes;

/// <summary>A cut-out ready to be drawn at any size: premultiplied colours in levels of half the size each.</summary>
internal sealed class Sprite
{
    private const int SideMax = 320;
    private readonly List<Level> _levels = [];

    public Sprite(RgbaImage cutout)
    {
        double scale = Math.Min(1, (double)SideMax / Math.Max(cutout.Width, cutout.Height));
        RgbaImage image = scale < 1
            ? Resizer.Resize(cutout, Math.Max(1, (int)(cutout.Width * scale)),
                Math.Max(1, (int)(cutout.Height * scale)), Resampling.Bilinear)
            : cutout;
        (Width, Height) = (image.Width, image.Height);
        while (true)
        {
            _levels.Add(new Level(image));
            if (Math.Min(image.Width, image.Height) < 8)
            {
                return;
            }

            image = Resizer.Resize(image, Math.Max(1, image.Width / 2), Math.Max(1, image.Height / 2),
                Resampling.Bilinear);
        }
    }

    public int Width { get; }

    public int Height { get; }

    /// <summary>The level to draw at when the sprite is shown this wide.</summary>
    public Level LevelFor(double shownWidth, double extraBlur)
    {
        double shrink = Width / Math.Max(1, shownWidth) * Math.Pow(2, extraBlur);
        int level = (int)Math.Round(Math.Log2(Math.Max(1, shrink)));
        return _levels[Math.Min(level, _levels.Count - 1)];
    }

    /// <summary>One size of a sprite.</summary>
    internal sealed class Level
    {
        private readonly byte[] _premultiplied;
        private readonly int _width;
        private readonly int _height;

        public Level(RgbaImage image)
        {
            (_width, _height) = (image.Width, image.Height);
            _premultiplied = image.Pixels.ToArray();
            for (int i = 0; i < _premultiplied.Length; i += 4)
            {
                int alpha = _premultiplied[i + 3];
                for (int c = 0; c < 3; c++)
                {
                    _premultiplied[i + c] = (byte)((_premultiplied[i + c] * alpha + 127) / 255);
                }
            }
        }

        /// <summary>Bilinear sample at u, v in 0..1 of the sprite; transparent outside. Result 0..255.</summary>
        public void Sample(double u, double v, Span<float> rgba)
        {
            float x = (float)(u * _width - 0.5), y = (float)(v * _height - 0.5);
            int left = (int)MathF.Floor(x), top = (int)MathF.Floor(y);
            float fx = x - left, fy = y - top;
            rgba.Clear();
            Add(left, top, (1 - fx) * (1 - fy), rgba);
            Add(left + 1, top, fx * (1 - fy), rgba);
            Add(left, top + 1, (1 - fx) * fy, rgba);
            Add(left + 1, top + 1, fx * fy, rgba);
        }

        private void Add(int x, int y, float weight, Span<float> rgba)
        {
            if ((uint)x < (uint)_width && (uint)y < (uint)_height)
            {
                int i = (y * _width + x) * 4;
                rgba[0] += _premultiplied[i] * weight;
                rgba[1] += _premultiplied[i + 1] * weight;
                rgba[2] += _premultiplied[i + 2] * weight;
                rgba[3] += _premultiplied[i + 3] * weight;
            }
        }
    }
}
