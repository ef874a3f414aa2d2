using System.Diagnostics;
using System.Runtime.InteropServices;

namespace PixSearch.Tensors.Benchmarks;

/// <summary>
/// What a measurement reads: the clock on the wall, or the CPU time of the calling thread, which stays meaningful on a
/// machine that others use (with <c>PIXSEARCH_THREADS=1</c> the calling thread does all of the work).
/// </summary>
public sealed class BenchClock(bool cpuTime)
{
    private const int ThreadCpuTime = 3;

    /// <summary>Milliseconds from some moment on.</summary>
    public double Now
    {
        get
        {
            if (cpuTime && GetTime(ThreadCpuTime, out TimeSpec time) == 0)
            {
                return (time.Seconds * 1e3) + (time.Nanoseconds / 1e6);
            }

            return Stopwatch.GetTimestamp() * 1e3 / Stopwatch.Frequency;
        }
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern int GetTime(int clock, out TimeSpec time);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
