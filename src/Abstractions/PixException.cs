namespace PixSearch.Abstractions;

/// <summary>
/// An expected error. The message says what, the value, the limit and the knob, in one line; it is shown to users as
/// it is, so that what it quotes is made plain first (<see cref="PlainText"/>).
/// </summary>
public sealed class PixException(PixErrorKind kind, string message, Exception? inner = null)
    : Exception(PlainText.OneLine(message), inner)
{
    /// <summary>Which of the closed list of errors this is.</summary>
    public PixErrorKind Kind { get; } = kind;

    /// <summary>For <see cref="PixErrorKind.Overloaded"/> and quotas: how long to wait before trying again.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
