using PixSearch.Abstractions;

namespace PixSearch.Gateway.Http;

/// <summary>Timeouts of requests.</summary>
internal static class Timeouts
{
    private const long MillisecondsMax = 24 * 3600 * 1000;

    /// <summary>The moment at which a timeout is over; null for none.</summary>
    internal static DateTimeOffset? ToDeadline(long? milliseconds, DateTimeOffset now) => milliseconds switch
    {
        null => null,
        > 0 and <= MillisecondsMax => now.AddMilliseconds(milliseconds.Value),
        _ => throw new PixException(PixErrorKind.InvalidArgument,
            $"timeout_ms is {milliseconds}; it must be in [1, {MillisecondsMax}]."),
    };
}
