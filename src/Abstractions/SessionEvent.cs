using System.Text.Json.Serialization;

namespace PixSearch.Abstractions;

/// <summary>
/// One event of a session (design.md §4). Sequence numbers start at 0 and have no holes; every session ends with
/// exactly one
/// <see cref="Finished"/> or <see cref="Failed"/>. The JSON form carries the type name in <c>type</c>.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(TextDelta), "text")]
[JsonDerivedType(typeof(SearchStarted), "search")]
[JsonDerivedType(typeof(Evidence), "evidence")]
[JsonDerivedType(typeof(MaskFound), "mask")]
[JsonDerivedType(typeof(Usage), "usage")]
[JsonDerivedType(typeof(Finished), "finished")]
[JsonDerivedType(typeof(Failed), "failed")]
public abstract record SessionEvent
{
    /// <summary>Position in the session's event log, from 0.</summary>
    public required long Sequence { get; init; }
}

/// <summary>Text that the model wrote for the reader: never a control string, never half a character.</summary>
public sealed record TextDelta(string Text) : SessionEvent;

/// <summary>Decoding paused for a search.</summary>
/// <param name="Turn">Number of the search in this session, from 1.</param>
/// <param name="Modality">What is sent to the index.</param>
/// <param name="Query">The text query, or the phrase of the entity whose crop is sent; empty for the whole
/// image.</param>
/// <param name="MaskId">The mask whose crop is the query; only for region searches that found one.</param>
public sealed record SearchStarted(int Turn, SearchModality Modality, string Query, int? MaskId) : SessionEvent;

/// <summary>What a search found, best first, and the text that was put into the stream.</summary>
/// <param name="Turn">The search that this answers.</param>
/// <param name="Hits">Best first; empty when nothing was found.</param>
/// <param name="Partial">True when a leg failed or was late and its hits are missing.</param>
/// <param name="Text">The evidence as the model reads it, without the tags.</param>
public sealed record Evidence(int Turn, IReadOnlyList<EvidenceHit> Hits, bool Partial, string Text) : SessionEvent;

/// <summary>A mask of a phrase of the answer.</summary>
/// <param name="Id">Number of the mask in this session, from 1.</param>
/// <param name="Rle">COCO run-length encoding in the coordinates of the original picture.</param>
/// <param name="Box">Tight bounding box in pixels of the original picture.</param>
/// <param name="Score">Mean probability over the mask's pixels, 0..1.</param>
/// <param name="TextSpan">The phrase that the mask belongs to.</param>
public sealed record MaskFound(int Id, RleMask Rle, PixelBox Box, float Score, string TextSpan) : SessionEvent;

/// <summary>
/// What the session cost; the token counts are disjoint. It comes directly before <see cref="Finished"/>, and also
/// before
/// <see cref="Failed"/> when anything was computed, since budgets are settled by it.
/// </summary>
public sealed record Usage(int PromptTokens, int ImageTokens, int CompletionTokens, int EvidenceTokens, int Searches,
    int Masks) : SessionEvent
{
    /// <summary>What a budget is charged: the same sum on every endpoint.</summary>
    [JsonIgnore]
    public long Tokens => (long)PromptTokens + ImageTokens + CompletionTokens + EvidenceTokens;
}

/// <summary>The session ended as it should.</summary>
public sealed record Finished(FinishReason Reason) : SessionEvent;

/// <summary>The session ended with an error.</summary>
public sealed record Failed(PixErrorKind Kind, string Message) : SessionEvent;

/// <summary>Why a session ended.</summary>
public enum FinishReason
{
    /// <summary>End token or stop string.</summary>
    Stop,

    /// <summary>The token limit was reached.</summary>
    Length,
}

/// <summary>What a search sends to the index.</summary>
public enum SearchModality
{
    /// <summary>A text query.</summary>
    Text,

    /// <summary>The whole picture.</summary>
    Image,

    /// <summary>The crop of the mask of the entity named last.</summary>
    Region,
}

/// <summary>One hit of a search. Score: higher is better; cosine for pictures, BM25 for text.</summary>
public sealed record EvidenceHit(string DocumentId, string Title, string Snippet, float Score, SearchModality Leg);

/// <summary>COCO run-length mask: column-major runs, counts in COCO's compressed string form.</summary>
public sealed record RleMask(int Height, int Width, string Counts);

/// <summary>A box in pixels, origin top left, half-open: x in [X, X+Width).</summary>
public readonly record struct PixelBox(int X, int Y, int Width, int Height);
