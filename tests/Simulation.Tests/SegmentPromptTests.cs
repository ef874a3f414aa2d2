using System.Runtime.CompilerServices;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Families;
using PixSearch.Models.Sam;
using PixSearch.Models.Tasks;
using PixSearch.Node;
using PixSearch.Tensors;

namespace PixSearch.Simulation;

/// <summary>Points and boxes on a served model: the same masks as SAM by itself gives, through the engine.</summary>
public sealed class SegmentPromptTests : IAsyncLifetime
{
    private static readonly byte[] s_picture = PictureCodec.EncodePng(new RgbImage(60, 40,
        [.. Enumerable.Range(0, 60 * 40 * 3).Select(i => (byte)((i / 3 % 60 < 25 ? 220 : 40) + (i % 7)))]));

    private readonly IBackend _backend = CpuBackend.Create();
    private PixSearchModel _model = null!;
    private EmbeddedNode _node = null!;

    public Task InitializeAsync()
    {
        _model = (PixSearchModel)ModelFolder.Load(_backend, Path.Combine(Root(), "models", "pixsearch-nano"));
        _node = new EmbeddedNode([_model], new NoSearches(), [], new NodeOptions());
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        _model.Dispose();
        _backend.Dispose();
    }

    [Fact]
    public async Task Segment_PhrasesPointsAndBoxes_GivesSamsMasksInTheOrderOfTheRequest()
    {
        var request = new SegmentRequest
        {
            Picture = s_picture,
            Tenant = "t",
            Phrases = ["the bright half"],
            Points =
            [
                [new SegmentPoint(10, 20, true)], [new SegmentPoint(40, 20, true), new SegmentPoint(5, 5, false)],
            ],
            Boxes = [new PixelBox(0, 0, 25, 40), new PixelBox(25, 0, 35, 40)],
        };
        SegmentResult result = await new NodeSegmenter(_node, [_model]).SegmentAsync(request, default);
        Assert.Equal((60, 40), (result.Width, result.Height));
        Assert.Equal(["the bright half", "", "", "", ""], result.Masks.Select(mask => mask.Phrase));
        Assert.Equal(1, (await _node.StatsAsync()).ImageEncodings);
        using SamPredictor alone = _model.CreateSamPredictor(PictureCodec.Decode(s_picture));
        (SamPoint[] Points, SamBox[] Boxes)[] prompts =
        [
            ([new SamPoint(10, 20, true)], []), ([new SamPoint(40, 20, true), new SamPoint(5, 5, false)], []),
            ([], [new SamBox(0, 0, 25, 40)]), ([], [new SamBox(25, 0, 60, 40)]),
        ];
        for (int i = 0; i < prompts.Length; i++)
        {
            BinaryMask expected = alone.Predict(prompts[i].Points, prompts[i].Boxes)[0].Mask;
            BinaryMask found = RleCodec.Decode(result.Masks[i + 1].Rle);

            // A batch of prompts rounds its sums as one prompt does not: single pixels of the edge may differ.
            int different = expected.Bits.ToArray().Zip(found.Bits.ToArray()).Count(pair => pair.First != pair.Second);
            Assert.InRange(different, 0, 5);
            Assert.Equal(result.Masks[i + 1].Box, found.Box);
        }
    }

    [Theory]
    [InlineData(61, 0, "the point (61, 0)")]
    [InlineData(float.NaN, 0, "the point (NaN, 0)")]
    public async Task Segment_PointOutside_NamesItAndThePicture(float x, float y, string expected)
    {
        var request = new SegmentRequest { Picture = s_picture, Points = [[new SegmentPoint(x, y, true)]] };
        PixException error = await Assert.ThrowsAsync<PixException>(
            () => new NodeSegmenter(_node, [_model]).SegmentAsync(request, default).AsTask());
        Assert.Equal(PixErrorKind.InvalidArgument, error.Kind);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("60x40", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0, 61, 40)]
    [InlineData(-1, 0, 5, 5)]
    [InlineData(1, 1, 0, 5)]
    [InlineData(1, 1, int.MaxValue, int.MaxValue)]
    public async Task Segment_BoxOutsideOrEmpty_EndsThePhrasesToo(int x, int y, int width, int height)
    {
        var request = new SegmentRequest
        {
            Picture = s_picture, Phrases = ["anything"], Boxes = [new PixelBox(x, y, width, height)], Tenant = "t",
        };
        PixException error = await Assert.ThrowsAsync<PixException>(
            () => new NodeSegmenter(_node, [_model]).SegmentAsync(request, default).AsTask());
        Assert.Equal(PixErrorKind.InvalidArgument, error.Kind);
        var stats = await _node.StatsAsync();
        Assert.Equal((0, 0), (stats.SessionsRunning + stats.SessionsWaiting, stats.ImageReferences));
    }

    private static string Root([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", ".."));

    private sealed class NoSearches : IRetriever
    {
        public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
            ValueTask.FromResult(new RetrievalResult([], Partial: false));
    }
}
