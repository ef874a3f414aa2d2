using System.Globalization;

namespace PixSearch.Grpc;

/// <summary>The form of <c>grpc-timeout</c>: 1 to 8 digits and a unit (H, M, S, m, u, n).</summary>
internal static class GrpcTimeout
{
    /// <summary>Longest timeout that a timer can hold; longer ones are cut to it.</summary>
    internal static readonly TimeSpan Longest = TimeSpan.FromDays(40);

    private const long ValueMax = 99_999_999;

    /// <summary>False when the text does not have that form.</summary>
    internal static bool TryParse(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > 9 ||
            !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture,
                out long value))
        {
            return false;
        }

        long ticks = text[^1] switch
        {
            'H' => TimeSpan.TicksPerHour,
            'M' => TimeSpan.TicksPerMinute,
            'S' => TimeSpan.TicksPerSecond,
            'm' => TimeSpan.TicksPerMillisecond,
            'u' => TimeSpan.TicksPerMicrosecond,
            'n' => 0,
            _ => -1,
        };
        if (ticks < 0)
        {
            return false;
        }

        // A tick is 100 ns: nanoseconds are rounded up, so that a positive timeout never becomes zero.
        timeout = ticks == 0 ? TimeSpan.FromTicks((value + 99) / 100) : TimeSpan.FromTicks(value * ticks);
        timeout = timeout > Longest ? Longest : timeout;
        return true;
    }

    /// <summary>The shortest unit in which the value fits into 8 digits; not negative.</summary>
    internal static string Format(TimeSpan timeout)
    {
        long microseconds = Math.Max(0, timeout.Ticks / TimeSpan.TicksPerMicrosecond);
        return microseconds switch
        {
            <= ValueMax => string.Create(CultureInfo.InvariantCulture, $"{microseconds}u"),
            <= ValueMax * 1000 => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1000}m"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{Math.Min(ValueMax, microseconds / 1_000_000)}S"),
        };
    }
}
