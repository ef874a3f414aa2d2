using System.Text.Json;
using PixSearch.Cli.Asking;
using PixSearch.Cli.Segmenting;

namespace PixSearch.Cli.Serving;

// px bench parts as a process of its own, in which nothing but the model allocates.
public sealed class PartsCommandTests(NanoFolder nano) : IClassFixture<NanoFolder>
{
    [Fact]
    public async Task BenchParts_DecodingSteps_AllocateNothingOnAnyThread()
    {
        string output = Path.Combine(nano.Root, "parts");
        PxProcess.Result result = await PxProcess.RunAsync("", "bench", "parts", "--model", nano.Model, "--repeats",
            "30", "--context", "208", "--out", output);
        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        JsonElement[] parts = [.. JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(output, "parts.json")))
            .RootElement.GetProperty("parts").EnumerateArray()];
        JsonElement[] steps = [.. parts.Where(part => part.GetProperty("name").GetString()!
            .StartsWith("decoding step", StringComparison.Ordinal))];
        Assert.Equal(3, steps.Length);
        Assert.All(steps, step => Assert.Equal(0, step.GetProperty("bytes").GetInt64()));
        Assert.All(parts, part => Assert.True(part.GetProperty("operations").GetArrayLength() > 0));
    }
}
