using System.Diagnostics;

namespace PixSearch.Silo.Bench;

/// <summary>One answer as its reader saw it; seconds from the question.</summary>
internal sealed class Sample
{
    private readonly long _start = Stopwatch.GetTimestamp();

    public int Texts { get; private set; }

    public double FirstText { get; private set; }

    public double LongestPause { get; private set; }

    public double LastAt { get; private set; }

    public bool Complete { get; private set; }

    public void Add(bool text, bool finished)
    {
        double now = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        LongestPause = Math.Max(LongestPause, now - LastAt);
        LastAt = now;
        FirstText = text && Texts == 0 ? now : FirstText;
        Texts += text ? 1 : 0;
        Complete |= finished;
    }
}
