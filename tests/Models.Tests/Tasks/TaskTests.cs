using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Families;
using PixSearch.Models.Sam;
using PixSearch.Models.Tasks;
using PixSearch.Models.Tests.Families;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Tasks;

// The tasks of px segment and px describe on tiny random models.
public sealed class TaskTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tasks").FullName;
    private readonly IBackend _backend = new ReferenceBackend();
    private readonly RgbImage _picture = TinyModels.Picture(40, 24, 9);

    [Fact]
    public void GreedyAnswer_StepByStep_EqualsOnePass()
    {
        using ISegmentingModel model = TinyFolders.PixSearch(_backend, _folder);
        using IImageEncoding image = model.EncodeImage(_picture);
        ModelPrompt prompt = model.BuildPrompt("What?", _picture);
        using GreedyAnswer answer = GreedyAnswer.Decode(model, prompt, image, 6);
        Assert.InRange(answer.Answer.Length, 1, 6);

        using var scope = new TensorScope();
        int[] pages = [.. Enumerable.Range(0, answer.Slots.Length)];
        using KvStore store = model.CreateKvStore(pages.Length, 1);
        Tensor whole = model.Step([new StepSequence(answer.Slots, 0, answer.Slots.Length, pages, image, prompt)],
            store).Hidden;
        Assert.Equal(Read(whole), Read(answer.Hidden), (a, b) => MathF.Abs(a - b) < 1e-5f);
    }

    [Fact]
    public void Segment_PixelSailWithoutToken_ForcesOneAndSaysSo()
    {
        using ISegmentingModel model = TinyFolders.PixelSail(_backend, _folder);
        SegmentationResult result = TextSegmenter.Segment(model, _picture, TextSegmenter.Question(model.Family, "it"),
            3);
        Assert.StartsWith("It is", result.Answer, StringComparison.Ordinal);
        SegmentedTarget target = Assert.Single(result.Targets);
        Assert.Equal((40, 24), (target.Mask.Width, target.Mask.Height));
        Assert.Equal("It", target.Phrase);
        Assert.Contains("wrote no [SEG]", Assert.Single(result.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Segment_OtherFamiliesWithoutTokens_HaveNoMasksAndNoNotes()
    {
        using ISegmentingModel model = TinyFolders.PixelLm(_backend, _folder);
        SegmentationResult result = TextSegmenter.Segment(model, _picture, TextSegmenter.Question(model.Family, "it"),
            3);
        Assert.Empty(result.Targets);
        Assert.Empty(result.Notes);
    }

    [Fact]
    public void SamPredictor_PointBoxAndMask_GiveMasksOfThePicturesSize()
    {
        using var model = (LlavaSamModel)TinyFolders.Lisa(_backend, _folder);
        using SamPredictor predictor = model.CreateSamPredictor(_picture);
        var rough = new BinaryMask(40, 24) { [5, 6] = true };
        IReadOnlyList<SegmentedTarget>[] all =
        [
            predictor.Predict([new SamPoint(5, 6, true)], []),
            predictor.Predict([], [new SamBox(1, 2, 30, 20)]),
            predictor.Predict([], [], rough),
            predictor.Predict([new SamPoint(5, 6, true)], [new SamBox(1, 2, 30, 20)], rough, multimask: true),
        ];
        Assert.Equal([1, 1, 1, 3], all.Select(targets => targets.Count));
        Assert.All(all.SelectMany(targets => targets), target =>
        {
            Assert.Equal((40, 24), (target.Mask.Width, target.Mask.Height));
            Assert.InRange(target.Score, 0, 1);
        });
        Assert.Throws<ArgumentException>(() => predictor.Predict([], []));
        var error = Assert.Throws<PixException>(() => predictor.Predict([], [], new BinaryMask(3, 3)));
        Assert.Contains("3x3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Describe_SameRegionTwice_IsEqualAndAWrongSizeIsRefused()
    {
        using var model = (PixelSailModel)TinyFolders.PixelSail(_backend, _folder);
        var left = new BinaryMask(40, 24) { [1, 1] = true };
        string text = RegionDescriber.Describe(model, _picture, left, null, 5);
        Assert.Equal(text, RegionDescriber.Describe(model, _picture, left, null, 5));
        var error = Assert.Throws<PixException>(() =>
            RegionDescriber.Describe(model, _picture, new BinaryMask(4, 4), null, 5));
        Assert.Equal(PixErrorKind.InvalidArgument, error.Kind);
    }

    public void Dispose()
    {
        _backend.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private float[] Read(Tensor tensor)
    {
        float[] numbers = new float[tensor.Count];
        _backend.Read(tensor, numbers);
        return numbers;
    }
}
