using System.Text.Json;
using PixSearch.Cli.Asking;
using PixSearch.Cli.Segmenting;

namespace PixSearch.Cli.Serving;

// px bench abuse and px bench gateway in a small size: the same attacks and checks as at full size.
public sealed class AbuseCommandTests(NanoFolder nano) : IClassFixture<NanoFolder>
{
    [Fact]
    public async Task BenchAbuse_Small_AllPromisesHold()
    {
        string output = Path.Combine(nano.Root, "abuse");

        // Thirty seconds keep the test honest on a busy machine; the promise is one.
        PxProcess.Result result = await PxProcess.RunAsync("", "bench", "abuse", "--model", nano.Model, "--scale",
            "0.01", "--release-seconds", "30", "--out", output, "--only", "cancel", "reset", "frames", "protobuf",
            "json", "idle", "pictures");
        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        JsonElement results = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(output, "abuse.json")))
            .RootElement.GetProperty("results");
        Assert.Equal(7, results.GetArrayLength());
        Assert.All(results.EnumerateArray(), one => Assert.True(one.GetProperty("held").GetBoolean(), one.ToString()));
    }

    [Fact]
    public async Task BenchGateway_Small_MeasuresBothDoors()
    {
        string output = Path.Combine(nano.Root, "gateway");
        PxProcess.Result result = await PxProcess.RunAsync("", "bench", "gateway", "--requests", "40", "--clients", "1",
            "4", "--out", output);
        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        JsonElement results = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(output, "gateway.json")))
            .RootElement.GetProperty("results");
        Assert.Equal(4, results.GetArrayLength());
        Assert.All(results.EnumerateArray(), one =>
        {
            Assert.Equal(40, Count(one.GetProperty("full")));
            JsonElement paced = one.GetProperty("paced");
            Assert.Equal(4 * one.GetProperty("clients").GetInt32(), Count(paced.GetProperty("answer")));
            Assert.Equal(32 * Count(paced.GetProperty("answer")), Count(paced.GetProperty("event")));
        });

        static int Count(JsonElement percentiles) => percentiles.GetProperty("count").GetInt32();
    }

    [Theory]
    [InlineData("there are cancel", "bench", "abuse", "--only", "everything")]
    [InlineData("--http and --grpc belong together", "bench", "abuse", "--http", "http://127.0.0.1:1")]
    [InlineData("--scale is 0", "bench", "abuse", "--scale", "0")]
    [InlineData("--requests", "bench", "gateway", "--requests", "0")]
    [InlineData("--step-ms", "bench", "gateway", "--step-ms", "0")]
    public async Task Bench_BadInput_EndsWithTwoAndOneLine(string message, params string[] arguments)
    {
        PxProcess.Result result = await PxProcess.RunAsync("", arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(message, result.Errors, StringComparison.Ordinal);
        Assert.Single(result.Errors.Trim().Split('\n'));
    }
}
