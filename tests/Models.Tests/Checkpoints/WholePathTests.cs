using PixSearch.Imaging;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Models.Families;
using PixSearch.Models.Tasks;
using PixSearch.Models.Tests.Families;
using PixSearch.Models.Tokenizers;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: small random checkpoints of every family, in their authors' files, go the whole way: converted, loaded, a
// question
// tokenised, a picture preprocessed, an answer written, masks out.
public sealed class WholePathTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("plum", ConvertedType.F32)]
    [InlineData("plum", ConvertedType.Q8)]
    [InlineData("lisa", ConvertedType.BF16)]
    [InlineData("pixellm", ConvertedType.F32)]
    [InlineData("pixel_sail", ConvertedType.BF16)]
    public void Segment_ConvertedCheckpoint_AnswersInItsFamily(string family, ConvertedType type)
    {
        (ModelFamily expected, string[] tokens) = Write(family);
        using (PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File("in")))
        {
            CheckpointConverter.Convert(checkpoint, type, _folder.File("out"));
        }

        File.WriteAllBytes(_folder.File("out/tokenizer.json"), Tokenizer(tokens));
        using var backend = new CpuBackend();
        using ISegmentingModel model = ModelFolder.Load(backend, _folder.File("out"));
        RgbImage picture = TinyModels.Picture(48, 32, 5);

        SegmentationResult result = TextSegmenter.Segment(model, picture,
            TextSegmenter.Question(model.Family, "the flag"), tokensMax: 6);

        Assert.Equal(expected, model.Family);
        Assert.All(result.Targets, target => Assert.Equal((48, 32), (target.Mask.Width, target.Mask.Height)));
        if (expected == ModelFamily.PixelSail)
        {
            // Its authors force the token that a mask needs.
            Assert.NotEmpty(result.Targets);
        }
    }

    [Fact]
    public void Convert_Shards_AllocatesFarLessThanTheyHold()
    {
        Directory.CreateDirectory(_folder.File("in"));
        RandomCheckpoint random = RandomCheckpoint.Plum(RandomCheckpoint.Text(100_000));
        random.WriteShards(_folder.File("in"), torch: false, shards: 4);
        long held = random.Tensors.Values.Sum(tensor => 4L * tensor.Values.Length);
        Assert.InRange(held, 50_000_000, long.MaxValue);
        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File("in"));
        long before = GC.GetAllocatedBytesForCurrentThread();

        CheckpointConverter.Convert(checkpoint, ConvertedType.BF16, _folder.File("out"));

        // Everything ever allocated, not the peak: pieces of 2^16 numbers and names.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8_000_000);
    }

    public void Dispose() => _folder.Dispose();

    private static byte[] Tokenizer(string[] tokens) => TinyModels.TokenizerJson([.. BpeTrainer.PixSearchTokens,
        .. tokens.Select((token, i) => new AddedToken(BpeTrainer.PixSearchTokens.Count + i, token, Special: true))]);

    private (ModelFamily Family, string[] Tokens) Write(string family)
    {
        string folder = _folder.File("in");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), RandomCheckpoint.AuthorsConfig(RandomCheckpoint.Text()));
        switch (family)
        {
            case "plum":
                RandomCheckpoint.Plum().WriteShards(folder, torch: true, shards: 3);
                return (ModelFamily.PixSearch, []);
            case "lisa":
                File.WriteAllBytes(Path.Combine(folder, "pytorch_model.bin"), RandomCheckpoint.Lisa().ToTorch());
                return (ModelFamily.Lisa, ["[SEG]"]);
            case "pixellm":
                RandomCheckpoint.PixelLm().WriteShards(folder, torch: false, shards: 2);
                return (ModelFamily.PixelLm, ["[SEG0]", "[SEG1]", "[SEG2]", "[SEG3]", "[SEG4]", "[SEG5]"]);
            default:
                File.WriteAllBytes(Path.Combine(folder, "iter_1.pth"),
                    RandomCheckpoint.PixelSail().ToTorch(wrapper: "state_dict"));
                return (ModelFamily.PixelSail, TinyModels.PixelSailTokens);
        }
    }
}
