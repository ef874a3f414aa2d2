using System.Diagnostics;

namespace PixSearch.Cli;

/// <summary>The real px, as a process of its own.</summary>
internal static class PxProcess
{
    /// <summary>What a run came to. Memory: peak working set in bytes.</summary>
    internal sealed record Result(int ExitCode, string Output, string Errors, long MemoryPeak);

    /// <summary>Runs px and waits for it; the input goes to its standard input.</summary>
    public static async Task<Result> RunAsync(string input, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "px.dll"));
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        Task<long> memory = WatchAsync(process);
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // px may have read enough and ended before all of the input was written.
        }

        await process.WaitForExitAsync();
        return new Result(process.ExitCode, await output, await errors, await memory);
    }

    private static async Task<long> WatchAsync(Process process)
    {
        long peak = 0;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!process.HasExited)
        {
            try
            {
                process.Refresh();
                peak = Math.Max(peak, process.PeakWorkingSet64);
            }
            catch (InvalidOperationException)
            {
                break;
            }

            await timer.WaitForNextTickAsync();
        }

        return peak;
    }
}
