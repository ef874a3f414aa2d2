using System.Diagnostics;
using PixSearch.Cluster.Tests;

namespace PixSearch.Cluster.Processes;

/// <summary>The benchmark's own parts that need no silo, in its real process: figures are for people, not for
/// tests.</summary>
[Collection(nameof(ClusterCollection))]
public sealed class BenchTests(ClusterFixture cluster)
{
    [ClusterFact]
    public async Task Bench_DeeperModel_IsWrittenMeasuredAndRemoved()
    {
        (int code, string output) = await RunAsync("tiny", deeper: 3);
        Assert.True(code == 0, output);
        Assert.Contains("engine alone", output);
        Assert.Matches(@"engine alone\s+[0-9.]+ questions/s", output);
    }

    [ClusterFact]
    public Task Bench_UnknownModel_IsToldInOneLine() => RefusedAsync("none", deeper: 2);

    [ClusterFact]
    public Task Bench_NotDeeperAtAll_IsToldInOneLine() => RefusedAsync("tiny", deeper: 0);

    private async Task RefusedAsync(string model, int deeper)
    {
        (int code, string output) = await RunAsync(model, deeper);
        Assert.Equal(2, code);
        Assert.StartsWith("pixsearch-silo: ", output.Trim().Split('\n')[^1]);
    }

    private async Task<(int Code, string Output)> RunAsync(string model, int deeper)
    {
        string temporary = Directory.CreateTempSubdirectory("pixsearch-bench-").FullName;
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "PixSearch.Silo.dll"),
            "--bench", "--silos", "0", "--questions", "4", "--clients", "2", "--deeper", $"{deeper}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["PIXSEARCH__POSTGRES"] = cluster.Postgres.ConnectionString,
                ["PIXSEARCH__MODELS"] = cluster.ModelsFolder,
                ["PIXSEARCH__DEFAULTMODEL"] = model,
                ["TMPDIR"] = temporary,
            },
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync() + await errors;
        await process.WaitForExitAsync();
        Assert.Empty(Directory.GetDirectories(temporary, "pixsearch-deep-*"));
        Directory.Delete(temporary, recursive: true);
        return (process.ExitCode, output);
    }
}
