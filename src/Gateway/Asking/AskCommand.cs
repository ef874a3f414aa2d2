using PixSearch.Abstractions;

namespace PixSearch.Gateway.Asking;

/// <summary>A question as either front door understood it, not checked yet.</summary>
internal sealed record AskCommand
{
    /// <summary>The picture; none for a text question.</summary>
    internal PictureSource Picture { get; init; }

    internal required string Question { get; init; }

    internal string Model { get; init; } = "";

    internal string Index { get; init; } = "";

    internal SearchMode Mode { get; init; }

    internal int? SearchBudget { get; init; }

    internal SamplingOptions Sampling { get; init; } = new();

    internal int Priority { get; init; }

    /// <summary>When the caller stops waiting.</summary>
    internal DateTimeOffset? Deadline { get; init; }

    /// <summary>True: the session goes on when its first reader leaves.</summary>
    internal bool Detach { get; init; }
}

/// <summary>Where a picture comes from: bytes, or a URL (which is almost always refused).</summary>
internal readonly record struct PictureSource(ReadOnlyMemory<byte> Bytes, string? Url)
{
    internal bool IsNone => Bytes.IsEmpty && string.IsNullOrEmpty(Url);
}
