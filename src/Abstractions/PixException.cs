namespace PixSearch.Abstractions;

/// <summary>
/// An expected error. The message says what, the value, the limit and the knob, in one line; it is shown to users as
/// it is.
/// </summary>
public sealed class PixException(PixErrorKind kind, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Which of the closed list of errors this is.</summary>
    public PixErrorKind Kind { get; } = kind;

    /// <summary>For <see cref="PixErrorKind.Overloaded"/> and quotas: how long to wait before trying again.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
