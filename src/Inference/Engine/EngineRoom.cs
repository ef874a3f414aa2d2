using System.Globalization;
using PixSearch.Abstractions;

namespace PixSearch.Inference.Engine;

/// <summary>How full an engine is, and who is refused for it.</summary>
/// <param name="Sessions">Sessions in the engine, waiting and searching ones too.</param>
/// <param name="Waiting">Those of them that have not begun.</param>
/// <param name="WaitSeconds">How long the next one would wait.</param>
/// <param name="AdmissionSeconds">Time between two of those that wait; 0 while it is not known.</param>
internal readonly record struct EngineRoom(int Sessions, int Waiting, double WaitSeconds, double AdmissionSeconds)
{
    /// <summary>The room behind this many that are on their way into the engine.</summary>
    public EngineRoom Behind(int entering) => this with
    {
        Sessions = Sessions + entering,
        Waiting = Waiting + entering,
        WaitSeconds = WaitSeconds + (entering * AdmissionSeconds),
    };

    /// <summary>Throws <see cref="PixErrorKind.Overloaded"/> when there is none for a new session, or for one
    /// that was let in before and only needs a place.</summary>
    public void Check(EngineOptions options, bool resumed)
    {
        if (Sessions >= options.SessionsMax)
        {
            throw Refused($"The engine has {options.SessionsMax} sessions, its limit (SessionsMax)");
        }

        if (!resumed && options.QueueWaitMax > TimeSpan.Zero && WaitSeconds > options.QueueWaitMax.TotalSeconds)
        {
            throw Refused(string.Create(CultureInfo.InvariantCulture,
                $"{Waiting} sessions wait already, about {WaitSeconds:0.0} s of work; the limit is "
                + $"{options.QueueWaitMax.TotalSeconds:0.0} s (QueueWaitMax)"));
        }
    }

    /// <summary>The refusal, with the time to wait.</summary>
    public PixException Refused(string why)
    {
        double seconds = Math.Clamp(WaitSeconds, 1, 60);
        return new PixException(PixErrorKind.Overloaded, $"{why}: try again in {seconds:0} s.")
        {
            RetryAfter = TimeSpan.FromSeconds(seconds),
        };
    }
}
