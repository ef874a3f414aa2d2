using PixSearch.Imaging;
using PixSearch.Models.Preprocessing;

namespace PixSearch.Models.Tests.Preprocessing;

// Literal values, computed by hand from the published rules. Resizing itself (Pillow's bytes) is tested in Imaging.
public sealed class PicturePreprocessorTests
{
    private const float Tolerance = 1e-5f;

    [Fact]
    public void ClipPadded_WidePicture_HasMeanColourAboveAndBelow()
    {
        PreparedPicture prepared = PicturePreprocessor.ClipPadded(Uniform(4, 2), 4);
        Assert.Equal((4, 4), (prepared.Width, prepared.Height));
        float[] padding = [-0.0112545f, -0.0111960f, -0.0013329f];
        float[] colour = [1.9303361f, -1.7520971f, 0.3399486f];
        for (int c = 0; c < 3; c++)
        {
            Assert.All(Row(prepared, c, 0), value => Assert.Equal(padding[c], value, Tolerance));
            Assert.All(Row(prepared, c, 1), value => Assert.Equal(colour[c], value, Tolerance));
            Assert.All(Row(prepared, c, 2), value => Assert.Equal(colour[c], value, Tolerance));
            Assert.All(Row(prepared, c, 3), value => Assert.Equal(padding[c], value, Tolerance));
        }
    }

    [Fact]
    public void ClipCropped_WidePicture_KeepsTheMiddleColumns()
    {
        var picture = new RgbImage(8, 4, new byte[8 * 4 * 3]);
        for (int x = 0; x < 8; x++)
        {
            for (int y = 0; y < 4; y++)
            {
                picture.Row(y)[3 * x] = (byte)(10 * x);
            }
        }

        PreparedPicture prepared = PicturePreprocessor.ClipCropped(picture, 4);
        float[] expected = [-1.5002940f, -1.3543097f, -1.2083255f, -1.0623412f]; // red 20, 30, 40, 50
        for (int y = 0; y < 4; y++)
        {
            Assert.Equal(expected, Row(prepared, 0, y), (a, b) => MathF.Abs(a - b) < Tolerance);
        }
    }

    [Fact]
    public void SamPadded_TallPicture_IsZeroAtTheRight()
    {
        PreparedPicture prepared = PicturePreprocessor.SamPadded(Uniform(2, 4), 8);
        Assert.Equal((8, 8, 8, 4), (prepared.Height, prepared.Width, prepared.ValidHeight, prepared.ValidWidth));
        float[] colour = [2.2489083f, -2.0357144f, 0.4264924f];
        for (int c = 0; c < 3; c++)
        {
            Assert.All(Row(prepared, c, 7)[..4], value => Assert.Equal(colour[c], value, Tolerance));
            Assert.All(Row(prepared, c, 0)[4..], value => Assert.Equal(0, value));
        }
    }

    [Fact]
    public void Patches_SmallPicture_UsesImageNetStatistics()
    {
        PreparedPicture prepared = PicturePreprocessor.Patches(Uniform(16, 16), 16, 1024);
        Assert.Equal((16, 16), (prepared.Height, prepared.Width));
        Assert.Equal(2.2489083f, prepared.Numbers[0], Tolerance);
        Assert.Equal(-2.0357144f, prepared.Numbers[256], Tolerance);
        Assert.Equal(0.4264924f, prepared.Numbers[512], Tolerance);
    }

    [Theory]
    [InlineData(1000, 667, 1024, 1024, 683)]
    [InlineData(3, 2, 1024, 1024, 683)]
    [InlineData(480, 640, 448, 336, 448)]
    [InlineData(10000, 1, 1024, 1024, 1)]
    public void LongestSide_Sizes_RoundHalfUp(int width, int height, int side, int newWidth, int newHeight) =>
        Assert.Equal((newWidth, newHeight), PicturePreprocessor.LongestSide(width, height, side));

    [Theory]
    [InlineData(640, 480, 640, 480)]
    [InlineData(1000, 333, 1008, 336)]
    [InlineData(333, 1000, 336, 1008)]
    [InlineData(4000, 3000, 1024, 768)]
    [InlineData(10, 5, 16, 16)]
    [InlineData(5000, 1, 1024, 16)]
    public void PatchSize_Sizes_AreMultiplesOfThePatch(int width, int height, int newWidth, int newHeight) =>
        Assert.Equal((newWidth, newHeight), PicturePreprocessor.PatchSize(width, height, 16, 1024));

    [Fact]
    public void ClipCropped_VeryLongPicture_NeedsNoMoreMemoryThanItsMiddle()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        PreparedPicture prepared = PicturePreprocessor.ClipCropped(Uniform(16_384, 1), 224);
        Assert.Equal((224, 224), (prepared.Height, prepared.Width));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000_000);
    }

    /// <summary>Samples of 0..1, without normalisation.</summary>
    internal static PreparedPicture Raw(RgbImage picture)
    {
        float[] numbers = new float[3 * picture.Height * picture.Width];
        for (int i = 0; i < numbers.Length; i++)
        {
            int pixel = i % (picture.Height * picture.Width);
            numbers[i] = picture.Pixels[(3 * pixel) + (i / (picture.Height * picture.Width))] / 255f;
        }

        return new PreparedPicture(numbers, picture.Height, picture.Width, picture.Height, picture.Width);
    }

    private static RgbImage Uniform(int width, int height) => new(width, height, new Rgb(255, 0, 128));

    private static float[] Row(PreparedPicture picture, int colour, int y) =>
        picture.Numbers.Slice(((colour * picture.Height) + y) * picture.Width, picture.Width).ToArray();
}
