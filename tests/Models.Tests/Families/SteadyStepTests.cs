using PixSearch.Imaging;
using PixSearch.Models.Families;
using PixSearch.Models.Plum;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Families;

// What a decoding step of a real model allocates on the managed heap: nothing. Cli.Tests has the same for all threads
// of a process.
public sealed class SteadyStepTests : IDisposable
{
    private const int Sequences = 4;
    private const int Steps = 100;
    private const int PageSize = 16;

    private readonly string _folder = Directory.CreateTempSubdirectory("pixsearch").FullName;
    private readonly CpuBackend _backend = new();

    [Theory]
    [InlineData("pixsearch")]
    [InlineData("lisa")]
    [InlineData("pixellm")]
    [InlineData("pixelsail")]
    [InlineData("evesail")]
    [InlineData("nano")]
    public void Step_DecodingFourSequences_AllocatesNothing(string family)
    {
        using ISegmentingModel model = Create(family);
        RgbImage picture = TinyModels.Picture(40, 30, 3);
        using IImageEncoding image = model.EncodeImage(picture);
        ModelPrompt prompt = model.BuildPrompt("the flag", picture);
        int length = prompt.Slots.Length + (Steps);
        int pagesEach = (length / PageSize) + 1;
        using KvStore store = model.CreateKvStore(Sequences * pagesEach, PageSize);
        int[] slots = [.. prompt.Slots, .. Enumerable.Range(0, Steps).Select(i => 1 + (i % 100))];
        int[][] pages =
            [.. Enumerable.Range(0, Sequences).Select(s => Enumerable.Range(s * pagesEach, pagesEach).ToArray())];
        var rows = new StepSequence[Sequences];
        Step(0, prompt.Slots.Length);

        // The first round pays for buffers that grow with the context.
        long bytes = 0;
        for (int round = 0; round < 2; round++)
        {
            bytes = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Steps; i++)
            {
                Step(prompt.Slots.Length + i, 1);
            }

            bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
        }

        Assert.Equal(0, bytes);

        void Step(int start, int count)
        {
            for (int s = 0; s < rows.Length; s++)
            {
                rows[s] = new StepSequence(slots.AsMemory(0, start + count), start, count, pages[s], image, prompt);
            }

            using var scope = TensorScope.Recycling();
            StepOutput output = model.Step(rows, store);
            Assert.True(float.IsFinite(output.Logits.Span[0]));
        }
    }

    public void Dispose()
    {
        _backend.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private ISegmentingModel Create(string family) => family switch
    {
        "pixsearch" => TinyFolders.PixSearch(_backend, _folder),
        "lisa" => TinyFolders.Lisa(_backend, _folder),
        "pixellm" => TinyFolders.PixelLm(_backend, _folder),
        "pixelsail" => TinyFolders.PixelSail(_backend, _folder),
        "evesail" => TinyFolders.EveSail(_backend, _folder),
        _ => Nano(),
    };

    // Large enough that the kernels' threads take part.
    private PixSearchModel Nano()
    {
        var weights = new WeightStore(new RandomWeights(_backend, 11));
        return new PixSearchModel(_backend, weights,
            new PixSearchNetwork(weights, PixSearchConfig.Nano(TinyModels.VocabularySize)),
            TokenizerJson.Parse(TinyModels.TokenizerJson(), "tiny"));
    }
}
