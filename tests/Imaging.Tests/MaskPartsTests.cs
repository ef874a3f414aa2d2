using PixSearch.Imaging.Masks;

namespace PixSearch.Imaging.Tests;

/// <summary>Goal: a region query shows one thing. Method: masks of 128 (a cell is a pixel) and of 512 pixels (a cell is
/// 4x4) with islands and bridges.</summary>
public sealed class MaskPartsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Main_Island_IsDropped(int cell)
    {
        BinaryMask thing = Draw(cell, (20, 20, 30, 20)), both = Draw(cell, (20, 20, 30, 20), (80, 70, 15, 15));

        Assert.Equal(thing.Bits.ToArray(), MaskParts.Main(both).Bits.ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Main_NarrowBridge_IsCutTwoCellsFromTheThing(int cell)
    {
        // Two things, joined by a bridge of two cells: half of the outline's noise is that wide.
        BinaryMask mask = Draw(cell, (20, 20, 30, 20), (50, 29, 30, 2), (80, 22, 15, 15));

        // The core ends a cell inside of the thing, and two cells round it are kept.
        Assert.Equal(Draw(cell, (20, 20, 30, 20), (50, 29, 1, 2)).Bits.ToArray(), MaskParts.Main(mask).Bits.ToArray());
    }

    [Fact]
    public void Main_WideJoint_IsKept()
    {
        BinaryMask mask = Draw(4, (20, 20, 30, 20), (50, 25, 30, 8));

        Assert.Equal(mask.Bits.ToArray(), MaskParts.Main(mask).Bits.ToArray());
    }

    [Fact]
    public void Main_LessThanACellAnywhere_StaysAsItIs()
    {
        var mask = new BinaryMask(512, 384);
        mask[101, 203] = mask[102, 203] = true;

        Assert.Equal(mask.Bits.ToArray(), MaskParts.Main(mask).Bits.ToArray());
    }

    [Fact]
    public void Main_ThinLines_AreKeptWhereNothingIsThicker()
    {
        BinaryMask mask = Draw(1, (10, 10, 60, 2), (10, 80, 30, 2));

        Assert.Equal(Draw(1, (10, 10, 60, 2)).Bits.ToArray(), MaskParts.Main(mask).Bits.ToArray());
    }

    [Fact]
    public void Main_EmptyAndFull_AreThemselves()
    {
        BinaryMask full = Draw(1, (0, 0, 128, 96));

        Assert.Equal(0, MaskParts.Main(new BinaryMask(128, 96)).Area);
        Assert.Equal(full.Bits.ToArray(), MaskParts.Main(full).Bits.ToArray());
    }

    [Fact]
    public void Cut_Part_ChoosesWhoseBox()
    {
        BinaryMask mask = Draw(1, (20, 20, 30, 20), (80, 70, 15, 15));
        var picture = new RgbImage(128, 96, RegionCrop.FillColour);

        Assert.Equal((30, 20), Size(RegionCrop.Cut(picture, mask)));
        Assert.Equal((75, 65), Size(RegionCrop.Cut(picture, mask, part: CropPart.Whole)));
    }

    private static (int Width, int Height) Size(RgbImage image) => (image.Width, image.Height);

    private static BinaryMask Draw(int cell, params (int X, int Y, int Width, int Height)[] boxes)
    {
        var mask = new BinaryMask(128 * cell, 96 * cell);
        foreach ((int x, int y, int width, int height) in boxes)
        {
            for (int row = y * cell; row < (y + height) * cell; row++)
            {
                mask.Bits.Slice((row * mask.Width) + (x * cell), width * cell).Fill(1);
            }
        }

        return mask;
    }
}
