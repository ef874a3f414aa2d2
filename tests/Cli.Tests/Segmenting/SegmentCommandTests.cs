using System.Text.Json;
using PixSearch.Cli.Asking;

namespace PixSearch.Cli.Segmenting;

// px segment and px describe as users run them, on a random model of pixsearch-nano's shape.
public sealed class SegmentCommandTests(NanoFolder nano) : IClassFixture<NanoFolder>
{
    [Fact]
    public async Task Segment_Point_PrintsOneMaskAndDrawsIt()
    {
        string drawn = Path.Combine(nano.Root, "drawn.png");
        PxProcess.Result result = await PxProcess.RunAsync("", "segment", nano.Picture, "--point", "3,4", "--model",
            nano.Model,
            "--json", "--out", drawn);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        JsonElement masks = JsonDocument.Parse(result.Output).RootElement.GetProperty("masks");
        Assert.Equal(1, masks.GetArrayLength());
        Assert.Equal(2, masks[0].GetProperty("segmentation").GetProperty("size").GetArrayLength());
        Assert.True(new FileInfo(drawn).Length > 0);
    }

    [Fact]
    public async Task Segment_Text_AnswersWithoutSearching()
    {
        PxProcess.Result result = await PxProcess.RunAsync("", "segment", nano.Picture, "the flag", "--model",
            nano.Model,
            "--json", "--max-tokens", "4");
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.True(JsonDocument.Parse(result.Output).RootElement.TryGetProperty("answer", out _));
    }

    [Theory]
    [InlineData("Give either", "segment", "PICTURE")]
    [InlineData("Give either", "segment", "PICTURE", "the flag", "--point", "1,2")]
    [InlineData("--point is 'left'", "segment", "PICTURE", "--point", "left")]
    [InlineData("--box is '1,2,3'", "segment", "PICTURE", "--box", "1,2,3")]
    [InlineData("--max-tokens is 0", "segment", "PICTURE", "x", "--max-tokens", "0")]
    [InlineData("only Pixel-SAIL", "describe", "PICTURE", "--region", "1,1,4,4")]
    public async Task Segment_BadInput_EndsWithTwoAndOneLine(string message, params string[] arguments)
    {
        string[] all = [.. arguments.Select(argument =>
            argument == "PICTURE" ? nano.Picture : argument), "--model", nano.Model];
        PxProcess.Result result = await PxProcess.RunAsync("", all);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Errors, StringComparison.Ordinal);
        Assert.Single(result.Errors.Trim().Split('\n'));
    }
}
