using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;

namespace PixSearch.Training.Data.Scenes;

/// <summary>A scene while it is drawn: the pixels, and for each pixel which thing covers it.</summary>
internal sealed class SceneCanvas
{
    private const byte Nobody = 255;
    private const float HalfAlpha = 127.5f;
    private readonly byte[] _owners;
    private readonly List<int> _fullAreas = [];

    public SceneCanvas(RgbImage background)
    {
        Image = background;
        _owners = new byte[background.Width * background.Height];
        Array.Fill(_owners, Nobody);
    }

    public RgbImage Image { get; }

    /// <summary>Draws a thing over what is there, with a soft shadow; returns its number.</summary>
    public int Draw(Sprite sprite, Placement placement)
    {
        int number = _fullAreas.Count;
        Sprite.Level level = sprite.LevelFor(placement.Width, placement.Blur);
        PixelBox box = Cut(placement.Bounds());
        double cos = Math.Cos(placement.Angle), sin = Math.Sin(placement.Angle);
        int area = 0;
        Span<float> rgba = stackalloc float[4];
        for (int y = box.Y; y < box.Y + box.Height; y++)
        {
            Span<byte> row = Image.Row(y);
            for (int x = box.X; x < box.X + box.Width; x++)
            {
                double dx = x + 0.5 - placement.CenterX, dy = y + 0.5 - placement.CenterY;
                double turnedX = dx * cos + dy * sin, turnedY = dy * cos - dx * sin;
                double near = 1 + placement.TiltX * turnedX / placement.Width
                    + placement.TiltY * turnedY / placement.Height;
                double u = turnedX / (placement.Width * near) + 0.5, v = turnedY / (placement.Height * near) + 0.5;
                float shade = 1;
                if (placement.WaveHeight > 0)
                {
                    // Held at the left edge: waves grow to the right; their slope towards the light makes the shade.
                    double angle = 2 * Math.PI * (placement.WaveCount * u + placement.WavePhase);
                    double grown = placement.WaveHeight * Math.Clamp(0.25 + u, 0, 1);
                    v += grown * Math.Sin(angle);
                    shade = (float)(1 + 2.2 * grown * Math.Cos(angle));
                }

                if (u < -0.02 || u > 1.02 || v < -0.02 || v > 1.02)
                {
                    continue;
                }

                level.Sample(placement.Mirrored ? 1 - u : u, v, rgba);
                if (rgba[3] < 1)
                {
                    continue;
                }

                float below = 1 - rgba[3] / 255;
                Span<byte> pixel = row.Slice(x * 3, 3);
                pixel[0] = ToByte(rgba[0] * placement.Light.R * shade + pixel[0] * below);
                pixel[1] = ToByte(rgba[1] * placement.Light.G * shade + pixel[1] * below);
                pixel[2] = ToByte(rgba[2] * placement.Light.B * shade + pixel[2] * below);
                if (rgba[3] > HalfAlpha)
                {
                    _owners[y * Image.Width + x] = (byte)number;
                    area++;
                }
            }
        }

        _fullAreas.Add(area);
        return number;
    }

    /// <summary>Darkens the place where a thing's shadow falls.</summary>
    public void DrawShadow(Sprite sprite, Placement placement, double depth)
    {
        double offset = Math.Max(placement.Width, placement.Height) * 0.045;
        Placement shadow = placement with
        {
            CenterX = placement.CenterX + offset, CenterY = placement.CenterY + offset, WaveHeight = 0,
        };
        Sprite.Level level = sprite.LevelFor(placement.Width, 2);
        PixelBox box = Cut(shadow.Bounds());
        double cos = Math.Cos(shadow.Angle), sin = Math.Sin(shadow.Angle);
        Span<float> rgba = stackalloc float[4];
        for (int y = box.Y; y < box.Y + box.Height; y++)
        {
            Span<byte> row = Image.Row(y);
            for (int x = box.X; x < box.X + box.Width; x++)
            {
                double dx = x + 0.5 - shadow.CenterX, dy = y + 0.5 - shadow.CenterY;
                double u = (dx * cos + dy * sin) / shadow.Width + 0.5, v = (dy * cos - dx * sin) / shadow.Height + 0.5;
                if (u is < -0.1 or > 1.1 || v is < -0.1 or > 1.1)
                {
                    continue;
                }

                level.Sample(shadow.Mirrored ? 1 - u : u, v, rgba);
                float keep = 1 - (float)(rgba[3] / 255 * depth);
                Span<byte> pixel = row.Slice(x * 3, 3);
                pixel[0] = (byte)(pixel[0] * keep);
                pixel[1] = (byte)(pixel[1] * keep);
                pixel[2] = (byte)(pixel[2] * keep);
            }
        }
    }

    /// <summary>The pixels that can be seen of a thing.</summary>
    public BinaryMask VisibleMask(int number)
    {
        var mask = new BinaryMask(Image.Width, Image.Height);
        for (int i = 0; i < _owners.Length; i++)
        {
            mask.Bits[i] = _owners[i] == number ? (byte)1 : (byte)0;
        }

        return mask;
    }

    /// <summary>Pixels that the thing would have if nothing covered it.</summary>
    public int FullArea(int number) => _fullAreas[number];

    /// <summary>Grain, as of a small sensor.</summary>
    public void AddNoise(SeededRandom random, double strength)
    {
        // Sum of two uniform numbers from one draw each of 8 bytes: a triangle, close enough to a bell and fast.
        Span<byte> pixels = Image.Pixels;
        for (int i = 0; i + 4 <= pixels.Length; i += 4)
        {
            ulong bits = random.NextUInt64();
            for (int j = 0; j < 4; j++)
            {
                int noise = (int)(bits & 255) - (int)((bits >> 8) & 255);
                bits >>= 16;
                pixels[i + j] = ToByte((float)(pixels[i + j] + noise * strength));
            }
        }
    }

    private PixelBox Cut(PixelBox box)
    {
        int left = Math.Clamp(box.X, 0, Image.Width), right = Math.Clamp(box.X + box.Width, 0, Image.Width);
        int top = Math.Clamp(box.Y, 0, Image.Height), bottom = Math.Clamp(box.Y + box.Height, 0, Image.Height);
        return new PixelBox(left, top, right - left, bottom - top);
    }

    private static byte ToByte(float value) => (byte)Math.Clamp(value + 0.5f, 0, 255);
}
