using PixSearch.Imaging;

namespace PixSearch.Training.Data.Sources;

/// <summary>A picture in 16x16 pixels, to find pictures that look the same.</summary>
internal sealed class PictureSignature
{
    private const int Side = 16;
    private readonly byte[] _pixels;

    public PictureSignature(RgbImage image) =>
        _pixels = Resizer.Resize(image, Side, Side, Resampling.Bilinear).Pixels.ToArray();

    /// <summary>Mean absolute difference, 0..255.</summary>
    public double DistanceTo(PictureSignature other)
    {
        long sum = 0;
        for (int i = 0; i < _pixels.Length; i++)
        {
            sum += Math.Abs(_pixels[i] - other._pixels[i]);
        }

        return (double)sum / _pixels.Length;
    }
}
