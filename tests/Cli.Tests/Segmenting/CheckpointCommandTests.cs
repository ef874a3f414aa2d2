using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using PixSearch.Imaging;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Tests.Checkpoints;
using PixSearch.Models.Tests.Families;

namespace PixSearch.Cli.Segmenting;

// px inspect, convert, segment, describe and ask on checkpoints as their authors save them.
public sealed partial class CheckpointCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("checkpoints").FullName;

    // The layout of a 13 B checkpoint (40 layers, 32,002 tokens, three PyTorch shards in BF16) at 1/16 of its width:
    // 71 million numbers. Loading takes what they take in BF16 and one shard; as F32 they would take twice as much.
    [Fact]
    public async Task InspectLoad_ThirteenBillionLayout_NeedsItsTypePlusOneShard()
    {
        RandomCheckpoint.Plum(RandomCheckpoint.NarrowThirteenB(), ElementType.BF16)
            .WriteShards(_folder, torch: true, shards: 3);
        await File.WriteAllTextAsync(In("config.json"),
            RandomCheckpoint.AuthorsConfig(RandomCheckpoint.NarrowThirteenB()));
        long shard = Directory.GetFiles(_folder, "*.bin").Max(file => new FileInfo(file).Length);

        PxProcess.Result without = await PxProcess.RunAsync("", "inspect", _folder);
        PxProcess.Result with = await PxProcess.RunAsync("", "inspect", _folder, "--load");

        Assert.Equal((0, ""), (with.ExitCode, with.Errors));
        Match memory = Memory().Match(with.Output);
        double megabytes = double.Parse(memory.Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.InRange(megabytes, 130, 145);
        long added = with.MemoryPeak - without.MemoryPeak;
        Assert.InRange(added, 0, (long)(megabytes * (1 << 20)) + shard);
        Assert.Contains("loaded ", with.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sam.pth", false)]
    [InlineData("sam.safetensors", true)]
    public async Task Segment_SamAlone_TakesPointsBoxesAndMasks(string file, bool safetensors)
    {
        RandomCheckpoint random = RandomCheckpoint.SamAlone();
        if (safetensors)
        {
            random.WriteSafetensors(In(file), RandomCheckpoint.SamNameOf);
        }
        else
        {
            await File.WriteAllBytesAsync(In(file), random.ToTorch(RandomCheckpoint.SamNameOf));
        }

        string picture = Picture();
        string rough = In("rough.png");
        await File.WriteAllBytesAsync(rough, PictureCodec.EncodePng(TinyModels.Picture(48, 32, 8)));

        PxProcess.Result result = await PxProcess.RunAsync("", "segment", picture, "--model", In(file), "--point",
            "9,9", "--point", "40,30,0", "--box", "2,2,30,20", "--mask", rough, "--multimask", "--json", "--masks",
            In("masks"), "--out", In("deep/down/overlay.png"));

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        JsonElement masks = JsonDocument.Parse(result.Output).RootElement.GetProperty("masks");
        Assert.Equal(3, masks.GetArrayLength());
        foreach (JsonElement mask in masks.EnumerateArray())
        {
            RgbImage drawn = PictureCodec.DecodeFile(mask.GetProperty("file").GetString()!);
            Assert.Equal((48, 32), (drawn.Width, drawn.Height));
            Assert.Equal(mask.GetProperty("area").GetInt32(), drawn.Pixels.ToArray().Count(value => value == 255) / 3);
        }

        Assert.True(File.Exists(In("deep/down/overlay.png")));
        PxProcess.Result text = await PxProcess.RunAsync("", "inspect", In(file));
        Assert.Contains("family      sam", text.Output, StringComparison.Ordinal);
        Assert.EndsWith("complete", text.Output.Trim(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lisa-without-clip", "bf16")]
    [InlineData("pixellm-without-clip", "q8")]
    public async Task Convert_WithClip_GivesAFolderThatAsksAndSegments(string layout, string type)
    {
        PublishedFolders.Write(layout, In("in"));
        PxProcess.Result refused = await PxProcess.RunAsync("", "segment", Picture(), "the flag", "--model", In("in"));
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("px convert", Assert.Single(refused.Errors.Trim().Split('\n')), StringComparison.Ordinal);

        PxProcess.Result converted = await PxProcess.RunAsync("", "convert", In("in"), "--vision", In("in/clip"),
            "--dtype", type, "--out", In("out"));
        Assert.Equal(0, converted.ExitCode);

        PxProcess.Result answer = await PxProcess.RunAsync("", "ask", Picture(), "Where is the flag?", "--model",
            In("out"), "--mode", "none", "--max-tokens", "3", "--json", "--out", In("answers"));
        Assert.Equal((0, ""), (answer.ExitCode, answer.Errors));
        PxProcess.Result masks = await PxProcess.RunAsync("", "segment", Picture(), "the flag", "--model", In("out"),
            "--max-tokens", "3", "--weights", "f32");
        Assert.Equal((0, ""), (masks.ExitCode, masks.Errors));
    }

    [Fact]
    public async Task Describe_PixelSailOnEve_AnswersForABox()
    {
        PublishedFolders.Write("pixel-sail-eve-pth", In("in"));
        PxProcess.Result result = await PxProcess.RunAsync("", "describe", Picture(), "--region", "2,2,10,10",
            "--model", In("in"), "--max-tokens", "3");
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        PxProcess.Result inspected = await PxProcess.RunAsync("", "inspect", In("in"));
        Assert.Contains("family      pixel_sail_eve", inspected.Output, StringComparison.Ordinal);
        Assert.EndsWith("complete", inspected.Output.Trim(), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string In(string name) => Path.Combine(_folder, name);

    private string Picture()
    {
        File.WriteAllBytes(In("picture.png"), PictureCodec.EncodePng(TinyModels.Picture(48, 32, 5)));
        return In("picture.png");
    }

    [GeneratedRegex("memory +auto ([0-9.]+) MiB", RegexOptions.CultureInvariant)]
    private static partial Regex Memory();
}
