using System.Text.Json;
using PixSearch.Models.Tests.Checkpoints;

namespace PixSearch.Cli.Segmenting;

// Goal: whatever a user names, px segment, describe, ask, inspect and convert do it or end with 2 and one clear line.
// In arguments @NAME is a file of the fixture.
public sealed class UnusualInputTests(PublishedModels models) : IClassFixture<PublishedModels>
{
    [Theory]
    [InlineData("one.png", "--point", "0,0")]
    [InlineData("line.png", "--box", "0,0,3000,1")]
    [InlineData("picture.png", "--point", "48,32")] // the far corner
    [InlineData("picture.png", "--box", "-5,-5,20,20")] // detectors' boxes reach over the edge
    [InlineData("picture.png", "--mask", "@white.png")]
    public async Task Segment_UnusualPrompt_GivesAMaskOfThePicturesSize(params string[] arguments)
    {
        PxProcess.Result result = await Run(["segment", "@" + arguments[0], .. arguments[1..], "--model", "@sam.pth",
            "--json"]);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        JsonElement root = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal([root.GetProperty("height").GetInt32(), root.GetProperty("width").GetInt32()],
            root.GetProperty("masks")[0].GetProperty("segmentation").GetProperty("size").EnumerateArray()
                .Select(side => side.GetInt32()));
    }

    [Theory]
    [InlineData("does not meet the picture (48x32)", "--box", "48,0,5,5")]
    [InlineData("does not meet the picture", "--box", "-50,-50,10,10")]
    [InlineData("The point 49,3 lies outside of the picture (48x32)", "--point", "49,3")]
    [InlineData("The point -1,3 lies outside", "--point", "-1,3")]
    [InlineData("--point is '1,nan'", "--point", "1,nan")]
    [InlineData("--point is '1,2,7'", "--point", "1,2,7")]
    [InlineData("--point is ''", "--point", "")]
    [InlineData("--box is '1,1,0,4'", "--box", "1,1,0,4")]
    [InlineData("--box is '1e9,1,2,2'", "--box", "1e9,1,2,2")]
    [InlineData("The mask is 20x20, the picture 48x32", "--mask", "@white-small.png")]
    [InlineData("has no pixel inside", "--mask", "@black.png")]
    [InlineData("neither JPEG, PNG nor WebP", "--mask", "@text.png")]
    [InlineData("There is no picture", "--mask", "@nothing.png")]
    [InlineData("cannot be written", "--point", "1,1", "--out", "@")]
    [InlineData("cannot be written", "--point", "1,1", "--out", "/proc/x.png")]
    [InlineData("cannot be written", "--point", "1,1", "--masks", "@text.png")]
    [InlineData("reads no text", "the flag")]
    [InlineData("reads no text", "--question", "Where?")]
    [InlineData("TEXT (or --question) is empty", " ")]
    [InlineData("Must be one of: 'auto'", "--point", "1,1", "--weights", "q4")]
    [InlineData("--backend is 'none'", "--point", "1,1", "--backend", "none")]
    public async Task Segment_WhatCannotBeDone_IsSaid(string expected, params string[] arguments) =>
        await Refused(expected, ["segment", "@picture.png", .. arguments, "--model", "@sam"]);

    [Theory]
    [InlineData("has no SAM", "pixel-sail-pth", "segment", "@picture.png", "--point", "1,1")]
    [InlineData("has no SAM", "pixellm-torch-shards", "segment", "@picture.png", "--box", "1,1,4,4")]
    [InlineData("LLaVA answers without masks", "llava-torch-shards", "segment", "@picture.png", "the flag")]
    [InlineData("only Pixel-SAIL takes regions", "lisa-torch", "describe", "@picture.png", "--region", "1,1,4,4")]
    [InlineData("The region's mask is 20x20", "pixel-sail-pth", "describe", "@picture.png", "--region",
        "@white-small.png")]
    [InlineData("a box that meets the picture", "pixel-sail-pth", "describe", "@picture.png", "--region", "90,90,4,4")]
    [InlineData("or the file of a mask", "pixel-sail-pth", "describe", "@picture.png", "--region", "@nothing.png")]
    [InlineData("has no pixel inside", "pixel-sail-pth", "describe", "@picture.png", "--region", "@black.png")]
    [InlineData("--region", "pixel-sail-pth", "describe", "@picture.png")]
    public async Task Family_TaskThatItDoesNotHave_IsSaid(string expected, string model, params string[] arguments) =>
        await Refused(expected, [.. arguments, "--model", "@" + model]);

    [Theory]
    [InlineData("There is no checkpoint", "inspect", "@nothing")]
    [InlineData("no checkpoint", "inspect", "@empty")]
    [InlineData("is not valid safetensors", "inspect", "@text.png")]
    [InlineData("no plain file", "inspect", "/dev/zero")]
    [InlineData("There is no checkpoint", "convert", "@nothing", "--out", "@out")]
    [InlineData("--out is IN itself", "convert", "@lisa-torch", "--out", "@lisa-torch/../lisa-torch/")]
    [InlineData("There is no checkpoint", "convert", "@lisa-torch", "--vision", "@nothing", "--out", "@out")]
    [InlineData("There is no checkpoint", "convert", "@lisa-torch", "--adapter", "@nothing", "--out", "@out")]
    [InlineData("holds none", "convert", "@lisa-torch", "--adapter", "@sam.pth", "--out", "@out")]
    [InlineData("Must be one of: 'f32'", "convert", "@lisa-torch", "--dtype", "f16", "--out", "@out")]
    [InlineData("text.png", "convert", "@sam.pth", "--out", "@text.png")]
    [InlineData("", "convert", "@sam.pth", "--out", "/proc/out")]
    [InlineData("There is no picture", "ask", "@nothing.png", "What?", "--model", "@lisa-torch")]
    [InlineData("", "ask", "@picture.png", "", "--model", "@lisa-torch")]
    public async Task Checkpoint_WhatIsNone_IsSaid(string expected, params string[] arguments)
    {
        Directory.CreateDirectory(models.In("empty"));
        await Refused(expected, arguments);
    }

    [Fact]
    public async Task Segment_PixelSailThatWritesNoToken_ForcesOneAndSaysSo()
    {
        PxProcess.Result result = await Run(["segment", "@picture.png", "the flag", "--model", "@pixel-sail-pth",
            "--max-tokens", "8", "--out", "@made/on/the/way/overlay.png", "--masks", "@made/masks"]);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Contains("The model wrote no [SEG]; as its authors do", result.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(models.In("made/on/the/way/overlay.png")));
        Assert.True(File.Exists(models.In("made/masks/mask-1.png")));
    }

    [Fact]
    public async Task Inspect_NamesThatCommandATerminal_AreShownPlainly()
    {
        RandomCheckpoint random = RandomCheckpoint.SamAlone();
        random.Tensors["mask_decoder.\u001b[2J\nx"] = (new Tensors.Shape(1), [1]);
        random.WriteSafetensors(models.In("odd.safetensors"), name =>
            name.StartsWith("model.visual_model.", StringComparison.Ordinal) ? RandomCheckpoint.SamNameOf(name) : name);
        PxProcess.Result result = await Run(["inspect", "@odd.safetensors", "--tensors"]);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.DoesNotContain('\u001b', result.Output);
        Assert.Contains("mask_decoder.\\u001B[2J x", result.Output, StringComparison.Ordinal);
    }

    private async Task Refused(string expected, string[] arguments)
    {
        PxProcess.Result result = await Run(arguments);
        Assert.True(result.ExitCode == 2, $"exit code {result.ExitCode}: {result.Output} {result.Errors}");
        string line = Assert.Single(result.Errors.TrimEnd('\n').Split('\n'));
        Assert.StartsWith("px: ", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
    }

    // "@sam" is a folder with SAM alone; "@" is the root itself.
    private Task<PxProcess.Result> Run(string[] arguments)
    {
        if (arguments.Contains("@sam"))
        {
            Directory.CreateDirectory(models.In("sam"));
            string copy = models.In("sam/sam.pth");
            if (!File.Exists(copy))
            {
                File.Copy(models.In("sam.pth"), copy);
                File.WriteAllText(models.In("sam/config.json"), "{}");
            }
        }

        return PxProcess.RunAsync("", [.. arguments.Select(argument =>
            argument.StartsWith('@') ? models.In(argument[1..]) : argument)]);
    }
}
