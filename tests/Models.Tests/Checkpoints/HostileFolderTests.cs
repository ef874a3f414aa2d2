using System.Diagnostics;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Models.Families;
using PixSearch.Models.Tests.Families;
using PixSearch.Tensors;
using Xunit.Abstractions;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: whatever bytes a checkpoint folder holds, opening it, checking it, loading it and asking it something ends in
// numbers or in one PixException: no other exception, no memory beyond measure, no endless loop.
public sealed class HostileFolderTests(ITestOutputHelper output) : IDisposable
{
    // The folders have under a megabyte; the table of normal forms and the pools are counted too.
    private const long AllocatedMax = 1L << 30;

    private static readonly RgbImage s_picture = TinyModels.Picture(48, 32, 5);

    private readonly TemporaryFolder _folder = new();
    private readonly CpuBackend _backend = new();
    private readonly List<string> _faults = [];

    public static TheoryData<string> Whole() => new(PublishedFolders.Whole);

    public static TheoryData<string> Own() => ["lisa", "pixellm", "pixel-sail", "eve", "pixsearch"];

    [Theory]
    [MemberData(nameof(Whole))]
    public void Load_FlippedBytes_GivesNumbersOrOneRefusal(string layout)
    {
        PublishedFolders.Write(layout, _folder.File("in"));
        var random = new SeededRandom(11);
        string[] files = Directory.GetFiles(_folder.File("in"));
        int refused = 0;
        for (int round = 0; round < 40; round++)
        {
            string file = files[random.NextInt(files.Length)];
            byte[] sound = File.ReadAllBytes(file);
            byte[] mutant = (byte[])sound.Clone();
            for (int change = 0; change <= round % 3; change++)
            {
                // Headers, pickles and directories lie at the ends of files; numbers in the middle are hardly wrong.
                int at = random.NextInt(Math.Min(mutant.Length, 4096));
                at = random.NextInt(3) == 0 ? random.NextInt(mutant.Length)
                    : random.NextInt(2) == 0 ? at : mutant.Length - 1 - at;
                mutant[at] = (byte)random.NextInt(256);
            }

            File.WriteAllBytes(file, mutant);
            refused += Refuses($"{Path.GetFileName(file)}, round {round}", layout) ? 1 : 0;
            File.WriteAllBytes(file, sound);
        }

        Assert.Empty(_faults);
        Assert.InRange(refused, 5, 40);
        Assert.False(Refuses("all files as they were", layout));
    }

    [Theory]
    [MemberData(nameof(Whole))]
    public void Load_ShortenedFile_GivesNumbersOrOneRefusal(string layout)
    {
        PublishedFolders.Write(layout, _folder.File("in"));
        foreach (string file in Directory.GetFiles(_folder.File("in")))
        {
            byte[] sound = File.ReadAllBytes(file);
            foreach (int length in (int[])[0, 1, 7, 8, 9, 100, sound.Length / 2, sound.Length - 22, sound.Length - 1])
            {
                File.WriteAllBytes(file, sound[..Math.Clamp(length, 0, sound.Length)]);
                Refuses($"{Path.GetFileName(file)} cut to {length}", layout);
            }

            File.WriteAllBytes(file, sound);
        }

        Assert.Empty(_faults);
    }

    [Theory]
    [MemberData(nameof(Own))]
    public void Load_ConfigurationWithAnyValue_GivesNumbersOrOneRefusal(string family)
    {
        Directory.CreateDirectory(_folder.File("in"));
        using (Make(family))
        {
            // Only its files are wanted.
        }

        MutateJson(family, ModelFolder.ConfigFile);
    }

    [Theory]
    [InlineData("plum-peft-folder", "adapter_config.json")]
    [InlineData("plum-torch-shards", "config.json")]
    [InlineData("plum-torch-shards", "pytorch_model.bin.index.json")]
    [InlineData("plum-torch-shards", "added_tokens.json")]
    [InlineData("pixel-sail-pth", "tokenizer_config.json")]
    [InlineData("llava-hf-safetensors-shards", "config.json")]
    public void Load_PublishedJsonWithAnyValue_GivesNumbersOrOneRefusal(string layout, string file)
    {
        PublishedFolders.Write(layout, _folder.File("in"));
        MutateJson(layout, file);
    }

    [Fact]
    public void Load_TokenizerWithAnyValue_GivesNumbersOrOneRefusal()
    {
        Directory.CreateDirectory(_folder.File("in"));
        using (TinyFolders.PixelSail(_backend, _folder.File("in")))
        {
            // Only its files are wanted.
        }

        MutateJson("pixel-sail", ModelFolder.TokenizerFile, itemsMax: 1);
    }

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    private ISegmentingModel Make(string family) => family switch
    {
        "lisa" => TinyFolders.Lisa(_backend, _folder.File("in")),
        "pixellm" => TinyFolders.PixelLm(_backend, _folder.File("in")),
        "pixel-sail" => TinyFolders.PixelSail(_backend, _folder.File("in")),
        "eve" => TinyFolders.EveSail(_backend, _folder.File("in")),
        _ => TinyFolders.PixSearch(_backend, _folder.File("in")),
    };

    private void MutateJson(string layout, string name, int itemsMax = 6)
    {
        string file = Path.Combine(_folder.File("in"), name);
        string sound = File.ReadAllText(file);
        (int refused, int all) = (0, 0);
        foreach ((string what, string json) in JsonMutations.Of(sound, itemsMax))
        {
            File.WriteAllText(file, json);
            refused += Refuses($"{name}: {what}", layout) ? 1 : 0;
            all++;
        }

        File.WriteAllText(file, sound);
        output.WriteLine($"{layout} {name}: {refused} of {all} refused");
        Assert.Empty(_faults);
        Assert.InRange(refused, 10, all);
        Assert.False(Refuses("all files as they were", layout));
    }

    // True when the folder was refused, false when it gave numbers; all else fails the test.
    private bool Refuses(string what, string layout)
    {
        long allocated = GC.GetTotalAllocatedBytes();
        long start = Stopwatch.GetTimestamp();
        bool refused;
        try
        {
            using (PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File("in")))
            {
                checkpoint.Check();
            }

            using ISegmentingModel model = ModelFolder.Load(_backend, _folder.File("in"));
            Ask(model);
            refused = false;
        }
        catch (PixException error)
        {
            Assert.DoesNotContain('\n', error.Message);
            refused = true;
        }
        catch (Exception error)
        {
            _faults.Add($"{layout}, {what}: {error}");
            refused = true;
        }

        if (GC.GetTotalAllocatedBytes() - allocated > AllocatedMax
            || Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(60))
        {
            _faults.Add($"{layout}, {what}: {(GC.GetTotalAllocatedBytes() - allocated) >> 20} MB in "
                + $"{Stopwatch.GetElapsedTime(start)}");
        }

        return refused;
    }

    private void Ask(ISegmentingModel model)
    {
        using var scope = new TensorScope();
        using IImageEncoding image = model.EncodeImage(s_picture);
        ModelPrompt prompt = model.BuildPrompt("Where is the flag?", s_picture);
        if (prompt.Slots.Length > model.ContextLength)
        {
            return; // callers check this
        }

        using KvStore store = model.CreateKvStore(1, prompt.Slots.Length);
        Tensor hidden = model.Step([new StepSequence(prompt.Slots, 0, prompt.Slots.Length, new int[1], image, prompt)],
            store).Hidden;
        model.DecodeMasks(image, model.Ground(prompt.Slots, hidden), hidden);
        model.Tokenizer.Decode(prompt.Slots.Where(slot => slot >= 0).ToArray());
    }
}
