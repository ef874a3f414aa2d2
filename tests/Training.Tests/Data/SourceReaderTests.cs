using PixSearch.Imaging;
using PixSearch.Training.Data;
using PixSearch.Training.Data.Sources;

namespace PixSearch.Training.Tests.Data;

/// <summary>Goal: the readers of packages, on small files written here.</summary>
public sealed class SourceReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("px-sources-").FullName;

    [Fact]
    public void Csv_QuotesCommasAndLineBreaks_AreRead()
    {
        string path = Path.Combine(_folder, "a.csv");
        File.WriteAllText(path, "\"a\",\"b, c\",\"d \"\"e\"\"\"\r\n1,,\"x\ny\"\n");

        List<string[]> rows = Csv.Read(path);

        Assert.Equal(["a", "b, c", "d \"e\""], rows[0]);
        Assert.Equal(["1", "", "x\ny"], rows[1]);
        Assert.Equal(2, rows.Count);
    }

    [Fact]
    public void WordNet_FindBelow_TakesTheRightMeaning()
    {
        // Three synsets: 0 bird; then peacock the butterfly (below insect), then peacock the bird.
        string[] synsets =
        [
            "{0} 05 n 01 bird 0 000 | warm-blooded",
            "{0} 05 n 01 insect 0 000 | small",
            "{0} 05 n 02 peacock 0 Inachis_io 0 001 @ {2} n 0000 | a butterfly",
            "{0} 05 n 01 peacock 1 001 @ {1} n 0000 | a male peafowl",
        ];
        int[] offsets = new int[synsets.Length];
        for (int i = 1; i < synsets.Length; i++)
        {
            offsets[i] = offsets[i - 1] + Line(synsets, offsets, i - 1).Length + 1;
        }

        File.WriteAllText(Path.Combine(_folder, "data.noun"),
            string.Join('\n', Enumerable.Range(0, synsets.Length).Select(i => Line(synsets, offsets, i))) + "\n");
        File.WriteAllText(Path.Combine(_folder, "index.noun"),
            $"  licence text\npeacock n 2 1 @ 2 1 {offsets[2]:D8} {offsets[3]:D8}  \n");
        WordNet wordNet = WordNet.Load(_folder);

        Assert.Equal("a butterfly", wordNet.Find("peacock", [5])!.Gloss);
        Assert.Equal("a male peafowl", wordNet.Find("Peacock", [5], ["bird"])!.Gloss);
        Assert.Equal(["peacock", "Inachis io"], wordNet.Find("peacock", [5])!.Words);
        Assert.Null(wordNet.Find("peacock", [20]));
        Assert.Null(wordNet.Find("sparrow", [5]));
    }

    [Fact]
    public void AutoMask_ThingOnWhite_IsCutOut()
    {
        var photograph = new RgbImage(100, 60, Rgb.White);
        for (int y = 15; y < 45; y++)
        {
            for (int x = 30; x < 70; x++)
            {
                photograph[x, y] = new Rgb(200, 30, 30);
            }
        }

        RgbaImage? cutout = AutoMask.Cut(photograph);

        Assert.NotNull(cutout);
        Assert.InRange(cutout.Width, 36, 40);
        Assert.InRange(cutout.Height, 26, 30);
        Assert.Equal(255, cutout.Row(cutout.Height / 2)[cutout.Width / 2 * 4 + 3]);
    }

    [Fact]
    public void AutoMask_ThingThatFillsThePhotograph_IsRefused()
    {
        Assert.Null(AutoMask.Cut(new RgbImage(100, 60, new Rgb(120, 90, 60))));
        Assert.Null(AutoMask.Cut(new RgbImage(100, 60, Rgb.White)));
    }

    [Theory]
    [InlineData("São Tomé and Príncipe", "Sao Tome and Principe")]
    [InlineData("St. George's", "Saint George's")]
    [InlineData("Nukuʻalofa", "Nuku'alofa")]
    [InlineData("Türkiye", "Turkiye")]
    public void AsciiText_Accents_AreTakenOff(string text, string expected)
    {
        Assert.Equal(expected, AsciiText.Fold(text));
    }

    [Theory]
    [InlineData("The capital of Guinea-Bissau is Bissau.", true)]
    [InlineData("guinea", true)]
    [InlineData("guineafowl", false)]
    [InlineData("Papua New Guineas", false)]
    [InlineData("", false)]
    public void NameMatcher_WholeWordsOnly(string text, bool expected)
    {
        Assert.Equal(expected, new NameMatcher(["Guinea", "Isle of Man"]).IsIn(text));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // {0} is the line's own offset, {1} and {2} those of the first and second line.
    private static string Line(string[] synsets, int[] offsets, int i) => synsets[i]
        .Replace("{0}", $"{offsets[i]:D8}", StringComparison.Ordinal)
        .Replace("{1}", $"{offsets[0]:D8}", StringComparison.Ordinal)
        .Replace("{2}", $"{offsets[1]:D8}", StringComparison.Ordinal);
}
