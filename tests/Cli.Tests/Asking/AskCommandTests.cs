using System.Text.Json;
using PixSearch.Imaging;
using PixSearch.Models.Families;

namespace PixSearch.Cli.Asking;

/// <summary>px ask as users run it: what it says about good and, above all, about bad input.</summary>
public sealed class AskCommandTests(NanoFolder nano) : IClassFixture<NanoFolder>
{
    // Model, key/value pages of one context, runtime: far below; a bomb or a giant would be far above.
    private const long MemoryMax = 600L << 20;

    [Fact]
    public async Task Ask_Twice_PrintsTheSameEvents()
    {
        string[] arguments =
            ["ask", nano.Picture, "What is the capital?", "--model", nano.Model, "--mode", "none", "--json",
            "--max-tokens", "40", "--out", Path.Combine(nano.Root, "out")];
        PxProcess.Result first = await PxProcess.RunAsync("", arguments);
        PxProcess.Result second = await PxProcess.RunAsync("", arguments);

        Assert.Equal((0, first.Output), (first.ExitCode, second.Output));
        JsonElement[] events = [.. first.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(Enumerable.Range(0, events.Length),
            events.Select(item => item.GetProperty("sequence").GetInt32()));
        Assert.Equal("finished", events[^1].GetProperty("type").GetString());
        Assert.Equal("usage", events[^2].GetProperty("type").GetString());
        Assert.Equal(64, events[^2].GetProperty("imageTokens").GetInt32());
        Assert.InRange(first.MemoryPeak, 1, MemoryMax);
    }

    [Fact]
    public async Task Ask_PictureMissing_SaysSo() =>
        await AssertRefusedAsync("no-such-file.jpg", "no-such-file.jpg");

    [Fact]
    public async Task Ask_PictureTruncated_SaysSo()
    {
        byte[] whole = await File.ReadAllBytesAsync(nano.Picture);
        await AssertRefusedAsync(nano.Write("cut.jpg", whole[..(whole.Length / 2)]), "picture");
    }

    [Fact]
    public async Task Ask_PictureOfWrongFormat_NamesTheRightOnes() =>
        await AssertRefusedAsync(nano.Write("text.jpg", "this is no picture"u8.ToArray()), "PNG");

    [Fact]
    public async Task Ask_PictureOneByHundredThousand_NamesTheLimit() =>
        await AssertRefusedAsync(nano.Write("long.png", Hostile.Png(1, 100_000)), "16384");

    [Fact]
    public async Task Ask_DecompressionBomb_IsRefusedByItsHeader() =>
        await AssertRefusedAsync(nano.Write("bomb.png", Hostile.Png(60_000, 60_000)), "60000");

    [Fact]
    public async Task Ask_PictureTooManyPixels_IsRefusedByItsHeader() =>
        await AssertRefusedAsync(nano.Write("big.png", Hostile.Png(16_000, 16_000)), "24000000");

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    public async Task Ask_QuestionEmpty_SaysSo(string question) =>
        await AssertRefusedAsync(nano.Picture, "empty", question);

    [Fact]
    public async Task Ask_QuestionOfOneMegabyte_NamesTheLimit() =>
        await AssertRefusedAsync(nano.Picture, "8000", "-", new string('x', 1 << 20));

    [Fact]
    public async Task Ask_QuestionLongerThanContext_NamesTheLimit() =>
        await AssertRefusedAsync(nano.Picture, "1023", "-", string.Concat(Enumerable.Repeat("zq ", 2000)));

    [Fact]
    public async Task Ask_ModelUnknown_SaysWhereItLooked() =>
        await AssertRefusedAsync(nano.Picture, "models/", model: "no-such-model");

    [Fact]
    public async Task Ask_CheckpointTruncated_NamesTheFile()
    {
        string folder = nano.CopyModel("truncated");
        string file = Path.Combine(folder, ModelFolder.WeightsFile);
        byte[] whole = await File.ReadAllBytesAsync(file);
        await File.WriteAllBytesAsync(file, whole[..(whole.Length - 1000)]);
        await AssertRefusedAsync(nano.Picture, "model.safetensors", model: folder);
    }

    [Fact]
    public async Task Ask_CheckpointOfOtherShape_NamesTensors()
    {
        string folder = nano.CopyModel("shapes");
        string file = Path.Combine(folder, ModelFolder.ConfigFile);
        string json = await File.ReadAllTextAsync(file);
        await File.WriteAllTextAsync(file, json.Replace("688", "704", StringComparison.Ordinal));
        await AssertRefusedAsync(nano.Picture, "704", model: folder);
    }

    [Fact]
    public async Task Ask_CheckpointWithNaN_SaysItIsBroken()
    {
        string folder = nano.CopyModel("nan");
        string file = Path.Combine(folder, ModelFolder.WeightsFile);
        byte[] bytes = await File.ReadAllBytesAsync(file);
        bytes.AsSpan(bytes.Length - 400_000).Fill(0xFF);
        await File.WriteAllBytesAsync(file, bytes);
        await AssertRefusedAsync(nano.Picture, "NaN", model: folder);
    }

    [Fact]
    public async Task Ask_IndexMissing_SaysHowToBuildOne()
    {
        PxProcess.Result result =
            await PxProcess.RunAsync("", "ask", nano.Picture, "What?", "--model", nano.Model, "--index",
            Path.Combine(nano.Root, "none"));

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("px index build", result.Errors);
    }

    [Fact]
    public async Task Ask_OptionOutOfRange_NamesTheRange()
    {
        PxProcess.Result result = await PxProcess.RunAsync("", "ask", nano.Picture, "What?", "--model", nano.Model,
            "--budget", "99");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("[0, 32]", result.Errors);
    }

    private async Task AssertRefusedAsync(string picture, string expected, string question = "What is the capital?",
        string input = "", string? model = null)
    {
        PxProcess.Result result =
            await PxProcess.RunAsync(input, "ask", picture, question, "--model", model ?? nano.Model);

        Assert.Equal(2, result.ExitCode);
        string line = Assert.Single(result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("px: ", line);
        Assert.Contains(expected, line);
        Assert.DoesNotContain("   at ", result.Errors);
        Assert.Empty(result.Output);
        Assert.InRange(result.MemoryPeak, 0, MemoryMax);
    }
}
