using System.Globalization;

namespace PixSearch.Tensors.Benchmarks;

/// <summary>
/// Waits until the other threads of this process sleep. Worker threads of native libraries go on spinning for some
/// time after their work and take the cores of whoever is measured next; to forbid them to spin would cost them a
/// wake-up in each call. So each candidate works as it likes to, and the next one begins when its threads are at rest.
/// </summary>
public static class ThreadRest
{
    /// <summary>
    /// Longest wait. OpenBLAS' threads spin for 2^26 ticks, a thirtieth of a second, and llama.cpp's for some tenths.
    /// </summary>
    public const int WaitMsMax = 1500;

    private const string TaskFolder = "/proc/self/task";

    // Looks in a row that must find all asleep: a thread may sleep for a moment between two pieces of work.
    private const int Looks = 3;
    private const int PauseMs = 2;

    /// <summary>Waits for it.</summary>
    /// <returns>
    /// Whether all are asleep; false after <see cref="WaitMsMax"/>. Where the system does not tell (no /proc), it waits
    /// for a twentieth of a second.
    /// </returns>
    public static bool IsReached()
    {
        using var pause = new ManualResetEventSlim(false, 0);
        if (!Directory.Exists(TaskFolder))
        {
            pause.Wait(50);
            return true;
        }

        int still = 0;
        for (int waited = 0; waited < WaitMsMax; waited += PauseMs)
        {
            pause.Wait(PauseMs);
            still = Running() == 0 ? still + 1 : 0;
            if (still == Looks)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Other threads of this process that run or wait for a core.</summary>
    public static int Running()
    {
        int running = 0;
        foreach (string folder in Directory.EnumerateDirectories(TaskFolder))
        {
            try
            {
                running += IsRunning(File.ReadAllText(Path.Combine(folder, "stat"))) ? 1 : 0;
            }
            catch (IOException)
            {
                // The thread ended meanwhile.
            }
        }

        // The one that looks is one of them.
        return running - 1;
    }

    /// <summary>Whether a line of /proc/PID/task/TID/stat tells of a running thread.</summary>
    internal static bool IsRunning(string stat)
    {
        // "12 (a name) R ...": the name may hold parentheses itself.
        int state = stat.LastIndexOf(')') + 2;
        return state >= 2 && state < stat.Length
            ? stat[state] == 'R'
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"No state in '{stat}'."));
    }
}
