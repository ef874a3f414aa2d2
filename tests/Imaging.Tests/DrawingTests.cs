using PixSearch.Imaging.Drawing;
using PixSearch.Imaging.Masks;

namespace PixSearch.Imaging.Tests;

/// <summary>Goal: what is drawn is where it should be, and odd input draws nothing outside.</summary>
public sealed class DrawingTests
{
    private static readonly Rgb s_ink = new(200, 10, 10);

    [Fact]
    public void Text_LetterI_IsDrawnAsTheFontSays()
    {
        var image = new RgbImage(5, 7, Rgb.White);

        Canvas.Text(image, "I", 0, 0, Rgb.Black);

        string[] rows = Enumerable.Range(0, 7).Select(y => string.Concat(
            Enumerable.Range(0, 5).Select(x => image[x, y] == Rgb.Black ? '#' : '.'))).ToArray();
        Assert.Equal([".###.", "..#..", "..#..", "..#..", "..#..", "..#..", ".###."], rows);
    }

    [Theory]
    [InlineData("é", "e")]
    [InlineData("漢", "?")]
    public void Text_CharacterOutsideTheFont_IsReplaced(string text, string shown)
    {
        RgbImage a = new(8, 8, Rgb.White), b = new(8, 8, Rgb.White);

        Canvas.Text(a, text, 0, 0, Rgb.Black);
        Canvas.Text(b, shown, 0, 0, Rgb.Black);

        Assert.Equal(b.Pixels.ToArray(), a.Pixels.ToArray());
    }

    [Fact]
    public void Text_EveryPrintableCharacterButSpace_HasInkAndDiffers()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (char character = '!'; character <= '~'; character++)
        {
            var image = new RgbImage(6, 7, Rgb.White);
            Canvas.Text(image, character.ToString(), 0, 0, Rgb.Black);
            Assert.True(seen.Add(Convert.ToHexString(image.Pixels)), $"'{character}' looks like another character");
        }

        Assert.DoesNotContain(Convert.ToHexString(new RgbImage(6, 7, Rgb.White).Pixels), seen);
    }

    [Fact]
    public void Drawing_OutsideThePicture_IsCutOff()
    {
        var image = new RgbImage(10, 10, Rgb.White);

        Canvas.Text(image, "far away", -500, 3, s_ink);
        Canvas.Line(image, -5, 5, 20, 5, s_ink);
        Canvas.Label(image, "longer than the picture", 8, 8, s_ink);

        Assert.Equal(s_ink, image[0, 5]);
    }

    [Fact]
    public void Overlay_Mask_ContourIsSolidAndOutsideUntouched()
    {
        var image = new RgbImage(40, 40, Rgb.White);
        var mask = new BinaryMask(40, 40);
        for (int y = 10; y < 30; y++)
        {
            for (int x = 10; x < 30; x++)
            {
                mask[x, y] = true;
            }
        }

        RgbImage result = MaskOverlay.Draw(image, [new OverlayMask(mask, s_ink, "")]);

        Assert.Equal(s_ink, result[10, 20]);
        Assert.Equal(Rgb.White, result[9, 20]);
        Rgb inside = result[20, 20];
        Assert.NotEqual(Rgb.White, inside);
        Assert.NotEqual(s_ink, inside);
        Assert.Equal(Rgb.White, image[10, 20]);
    }

    [Fact]
    public void Overlay_MaskOfAnotherSize_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => MaskOverlay.Draw(new RgbImage(4, 4, Rgb.White),
            [new OverlayMask(new BinaryMask(5, 4), s_ink, "x")]));
    }

    [Fact]
    public void Lines_WithGapsAndNoPoints_AreDrawn()
    {
        RgbImage chart = Chart.Lines("loss", [
            new ChartSeries("train", [(0, 3), (1, 2), (2, double.NaN), (3, 1)]),
            new ChartSeries("none", [])], "step", 300, 200);

        Assert.Equal((300, 200), (chart.Width, chart.Height));
        Assert.Contains(Rgb.Distinct(0), Colours(chart));
        Assert.Equal((300, 200), (Chart.Lines("empty", [], width: 300, height: 200).Width, 200));
    }

    [Fact]
    public void Bars_TwiceTheValue_TwiceTheHeight()
    {
        RgbImage chart = Chart.Bars("t", ["s"], [new ChartGroup("a", [0.4]), new ChartGroup("b", [0.8])], 400, 300);

        int Height(int x) => Enumerable.Range(60, 240).Count(y => chart[x, y] == Rgb.Distinct(0));
        // Columns well inside the two bars, left of their middles, where no number or error bar is drawn.
        int first = Height(105), second = Height(265);
        Assert.InRange(second, 2 * first - 3, 2 * first + 3);
        Assert.True(first > 50);
    }

    [Fact]
    public void ContactSheet_OfFive_HasTwoRowsOfThree()
    {
        List<(RgbImage Picture, string Caption)> pictures = Enumerable.Range(0, 5)
            .Select(i => (new RgbImage(80, 40, Rgb.Distinct(i)), $"picture {i}")).ToList();

        RgbImage page = ContactSheet.Draw(pictures, columns: 3, cell: 64, captionLines: 2);

        Assert.Equal((3 * 72 + 8, 2 * (64 + 20 + 16) + 8), (page.Width, page.Height));
        Assert.All(Enumerable.Range(0, 5), i => Assert.Contains(Rgb.Distinct(i), Colours(page)));
    }

    private static HashSet<Rgb> Colours(RgbImage image)
    {
        var colours = new HashSet<Rgb>();
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++)
            {
                colours.Add(image[x, y]);
            }
        }

        return colours;
    }
}
