using PixSearch.Abstractions;
using PixSearch.Imaging.Masks;

namespace PixSearch.Imaging.Tests;

/// <summary>Goal: a region query shows the entity and nothing else. Method: a 6x4 picture with numbered
/// pixels.</summary>
public sealed class RegionCropTests
{
    [Fact]
    public void Cut_Fill_KeepsMaskPixelsOnly()
    {
        RgbImage crop = RegionCrop.Cut(Numbered(), Mask((2, 1), (3, 2)));
        Assert.Equal((2, 2), (crop.Width, crop.Height));
        Assert.Equal([8, 8, 8, 122, 116, 104, 122, 116, 104, 15, 15, 15], crop.Pixels.ToArray());
    }

    [Fact]
    public void Cut_Keep_IsTheBox() =>
        Assert.Equal([8, 8, 8, 9, 9, 9, 14, 14, 14, 15, 15, 15],
            RegionCrop.Cut(Numbered(), Mask((2, 1), (3, 2)), CropBackground.Keep).Pixels.ToArray());

    [Fact]
    public void Cut_Padding_StopsAtTheEdge()
    {
        RgbImage crop = RegionCrop.Cut(Numbered(), Mask((0, 0), (1, 1)), CropBackground.Keep, 0.5f);
        Assert.Equal((3, 3), (crop.Width, crop.Height));
        Assert.Equal(14, crop.Pixels[^1]);
    }

    [Fact]
    public void Cut_EmptyMask_IsTheWholePicture() =>
        Assert.Equal(Numbered().Pixels.ToArray(), RegionCrop.Cut(Numbered(), Mask()).Pixels.ToArray());

    [Fact]
    public void Cut_OtherSize_Throws() =>
        Assert.Throws<ArgumentException>(() => RegionCrop.Cut(Numbered(), new BinaryMask(4, 6)));

    private static RgbImage Numbered() => new(6, 4, [.. Enumerable.Range(0, 72).Select(i => (byte)(i / 3))]);

    private static BinaryMask Mask(params (int X, int Y)[] pixels)
    {
        var mask = new BinaryMask(6, 4);
        foreach ((int x, int y) in pixels)
        {
            mask[x, y] = true;
        }

        return mask;
    }
}
