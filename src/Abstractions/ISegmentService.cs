namespace PixSearch.Abstractions;

/// <summary>
/// The port for masks without a session: which pixels of a picture does a phrase, a point or a box mean. Expected
/// errors are thrown as
/// <see cref="PixException"/>; a request whose deadline passed throws <see cref="PixErrorKind.DeadlineExceeded"/>.
/// </summary>
public interface ISegmentService
{
    /// <summary>One mask a prompt, in the order of the request: phrases, then point sets, then boxes.</summary>
    ValueTask<SegmentResult> SegmentAsync(SegmentRequest request, CancellationToken cancellation);
}

/// <summary>What to segment. At least one prompt; at most <see cref="PromptsMax"/> in all.</summary>
public sealed record SegmentRequest
{
    /// <summary>Most prompts of one request: one batch of the mask decoder.</summary>
    public const int PromptsMax = 64;

    /// <summary>Most tokens that a model may write to answer one phrase.</summary>
    public const int AnswerTokensMax = 64;

    /// <summary>The encoded picture (JPEG, PNG or WebP).</summary>
    public required ReadOnlyMemory<byte> Picture { get; init; }

    /// <summary>Referring phrases, such as "the flag on the left".</summary>
    public IReadOnlyList<string> Phrases { get; init; } = [];

    /// <summary>Sets of clicked points; each set is one prompt.</summary>
    public IReadOnlyList<IReadOnlyList<SegmentPoint>> Points { get; init; } = [];

    /// <summary>Boxes in pixels of the picture; each is one prompt.</summary>
    public IReadOnlyList<PixelBox> Boxes { get; init; } = [];

    /// <summary>Name of a loaded model; empty for the server's default.</summary>
    public string Model { get; init; } = "";

    /// <summary>Who pays: set by the gateway from the API key, never by the client.</summary>
    public string Tenant { get; init; } = "";

    /// <summary>When the answer is no longer wanted.</summary>
    public DateTimeOffset? Deadline { get; init; }
}

/// <summary>A clicked point, (x, y) in pixels of the picture. Foreground: the object is here; else: it is
/// not.</summary>
public readonly record struct SegmentPoint(float X, float Y, bool Foreground);

/// <summary>Masks in the coordinates of the picture, and what they cost.</summary>
/// <param name="Width">Width of the picture in pixels.</param>
/// <param name="Height">Height of the picture in pixels.</param>
/// <param name="Masks">One a prompt, in the order of the request.</param>
/// <param name="PromptTokens">Text tokens that the phrases took.</param>
/// <param name="ImageTokens">Image slots that were encoded; 0 when the picture was known already.</param>
/// <param name="CompletionTokens">Tokens that the model wrote.</param>
public sealed record SegmentResult(int Width, int Height, IReadOnlyList<SegmentMask> Masks, int PromptTokens,
    int ImageTokens, int CompletionTokens);

/// <summary>One mask.</summary>
/// <param name="Phrase">The phrase it answers; empty for points and boxes.</param>
/// <param name="Rle">COCO run-length encoding in the coordinates of the original picture.</param>
/// <param name="Box">Tight bounding box; empty when no pixel is set.</param>
/// <param name="Score">Mean probability over the mask's pixels, 0..1.</param>
public sealed record SegmentMask(string Phrase, RleMask Rle, PixelBox Box, float Score);
