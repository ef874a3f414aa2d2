using System.Diagnostics;

namespace PixSearch.Tensors.Tests;

/// <summary>
/// Goal: the engine is right on machines that lack what this one has. The runtime can hide instruction sets, but only
/// from a whole process: the conformance suite runs again in children.
/// </summary>
public sealed class InstructionSetTests
{
    private const string ExpectedKernels = "PIXSEARCH_EXPECTED_KERNELS";
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(8);

    [Theory]
    [InlineData("DOTNET_EnableAVX512", "avx512-dot,avx512")]
    [InlineData("DOTNET_EnableAVX2", "avx512-dot,avx512,avx2")]
    [InlineData("DOTNET_EnableHWIntrinsic", "avx512-dot,avx512,avx2,vector128")]
    public async Task Suite_WithoutAnInstructionSet_Passes(string switchedOff, string hidden)
    {
        string[] expected = [.. CpuBackend.KernelNames.Except(hidden.Split(','))];
        if (expected.Length == CpuBackend.KernelNames.Count)
        {
            return; // The machine has none of them: the suite itself has run without.
        }

        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                "test", typeof(InstructionSetTests).Assembly.Location, "--filter",
                $"FullyQualifiedName~Conformance.|FullyQualifiedName~{nameof(Kernels_OfThisProcess_AreThoseExpected)}",
            },
        };
        start.Environment[switchedOff] = "0";
        start.Environment[ExpectedKernels] = string.Join(',', expected);
        using Process child = Process.Start(start)!;
        Task<string> errors = child.StandardError.ReadToEndAsync();
        string output = await child.StandardOutput.ReadToEndAsync();
        using var patience = new CancellationTokenSource(s_patience);
        await child.WaitForExitAsync(patience.Token);
        Assert.True(child.ExitCode == 0, $"{switchedOff}=0: {output}{await errors}");
        Assert.Contains("Passed!", output, StringComparison.Ordinal);
    }

    /// <summary>In a child: the sets that the parent left. In the parent: every machine ends with the twin.</summary>
    [Fact]
    public void Kernels_OfThisProcess_AreThoseExpected()
    {
        string? expected = Environment.GetEnvironmentVariable(ExpectedKernels);
        Assert.Equal(expected ?? string.Join(',', CpuBackend.KernelNames), string.Join(',', CpuBackend.KernelNames));
        Assert.Equal("scalar", CpuBackend.KernelNames[^1]);
    }
}
