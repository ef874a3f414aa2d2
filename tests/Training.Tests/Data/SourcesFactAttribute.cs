using System.Diagnostics;

namespace PixSearch.Training.Tests.Data;

/// <summary>A test that needs the source packages; skipped, with the reason, where the registries cannot be
/// reached.</summary>
public sealed class SourcesFactAttribute : FactAttribute
{
    private const int PatienceMs = 30_000;
    private static readonly Lazy<string?> s_obstacle = new(FindObstacle);

    public SourcesFactAttribute() => Skip = s_obstacle.Value;

    private static string? FindObstacle()
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("npm", "view svg-country-flags@1.2.10 version")
            {
                RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
            if (!process.WaitForExit(PatienceMs))
            {
                process.Kill(entireProcessTree: true);
                return "The npm registry did not answer within 30 s; the sources of the data sets cannot be fetched.";
            }

            return process.ExitCode == 0
                ? null
                : "The npm registry cannot be reached; the sources of the data sets cannot be fetched.";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "npm is not installed; the sources of the data sets cannot be fetched.";
        }
    }
}
