using System.Globalization;
using PixSearch.Abstractions;

namespace PixSearch.Inference.Engine;

/// <summary>How full an engine is, and who is refused for it.</summary>
/// <param name="Sessions">Sessions in the engine, waiting and searching ones too.</param>
/// <param name="Waiting">Those of them that have not begun.</param>
/// <param name="WaitSeconds">How long the next one would wait.</param>
internal readonly record struct EngineRoom(int Sessions, int Waiting, double WaitSeconds)
{
    /// <summary>Throws <see cref="PixErrorKind.Overloaded"/> when there is none for a new session.</summary>
    public void Check(EngineOptions options)
    {
        if (Sessions >= options.SessionsMax)
        {
            throw Refused($"The engine has {options.SessionsMax} sessions, its limit (SessionsMax)");
        }

        if (options.QueueWaitMax > TimeSpan.Zero && WaitSeconds > options.QueueWaitMax.TotalSeconds)
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
