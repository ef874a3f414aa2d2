namespace PixSearch.Cli.Bench;

// Peers that are not there are named with what installs them; measuring goes on without them.
public sealed class PeerBenchTests
{
    [Fact]
    public async Task BenchDecode_WithoutLlamaCpp_MeasuresAndSaysHowToInstallIt()
    {
        PxProcess.Result result = await PxProcess.RunAsync("", "bench", "decode", "--steps", "5", "--llama",
            Path.Combine(AppContext.BaseDirectory, "no-such-folder"));
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("prefill of 512", result.Output, StringComparison.Ordinal);
        Assert.Contains("npm i --ignore-scripts", result.Output, StringComparison.Ordinal);
        Assert.Contains("no-such-folder", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BenchTrain_SmallBatch_ShowsOperationsAndPyTorchOrHowToInstallIt()
    {
        PxProcess.Result result = await PxProcess.RunAsync("", "bench", "train", "--pictures", "1", "--questions", "1",
            "--tokens", "24", "--spans", "1", "--steps", "1", "--rounds", "1");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("AdamW", result.Output, StringComparison.Ordinal);
        Assert.Matches("times PyTorch|apt-get install python3-torch", result.Output);
    }
}
