using System.Text.Json.Serialization;

namespace PixSearch.Evaluation;

/// <summary>What happened to one question in one mode; a line of <c>answers-MODE.jsonl</c>.</summary>
public sealed record QaRecord
{
    /// <summary>The sample.</summary>
    public required string Id { get; init; }

    /// <summary>Its scene.</summary>
    public required string Scene { get; init; }

    /// <summary>ego or non-ego.</summary>
    public required string View { get; init; }

    /// <summary>Kind of question.</summary>
    public required string Kind { get; init; }

    /// <summary>Whether the answer can only be found.</summary>
    public required bool NeedsSearch { get; init; }

    /// <summary>The question.</summary>
    public required string Question { get; init; }

    /// <summary>Accepted answers.</summary>
    public required IReadOnlyList<string> Variants { get; init; }

    /// <summary>What the reader saw.</summary>
    public required string Answer { get; init; }

    /// <summary>How it counts.</summary>
    [JsonConverter(typeof(JsonStringEnumConverter<Verdict>))]
    public required Verdict Verdict { get; init; }

    /// <summary>The searches that were made, in order.</summary>
    public required IReadOnlyList<QaSearch> Searches { get; init; }

    /// <summary>
    /// The reference's searches that have a gold entity, and whether the answer's counterpart found it first.
    /// </summary>
    public required IReadOnlyList<QaGold> Gold { get; init; }

    /// <summary>One for each target that owns a phrase; no mask counts as an empty one.</summary>
    public required IReadOnlyList<QaMask> Masks { get; init; }

    /// <summary>Seconds from the request to the first text; null when there was none.</summary>
    public double? FirstTextSeconds { get; init; }

    /// <summary>Seconds from the request to the end.</summary>
    public double Seconds { get; init; }

    /// <summary>Why the session failed; null when it did not.</summary>
    public string? Error { get; init; }
}

/// <summary>A search of an answer.</summary>
/// <param name="Modality">text, image or region.</param>
/// <param name="Query">Text query or phrase.</param>
/// <param name="Documents">Documents found, best first.</param>
/// <param name="TopEntity">Entity of the first document.</param>
/// <param name="Partial">True when a leg was lost.</param>
public sealed record QaSearch(string Modality, string Query, IReadOnlyList<string> Documents, string? TopEntity,
    bool Partial);

/// <summary>
/// A search of the reference, and whether the answer's search in its place had the gold entity on top.
/// </summary>
public sealed record QaGold(string Modality, string Entity, bool Found);

/// <summary>Overlap of the answer's mask with a target's.</summary>
/// <param name="Entity">The target.</param>
/// <param name="Label">Its generic word.</param>
/// <param name="Intersection">Pixels in both.</param>
/// <param name="Union">Pixels in either.</param>
/// <param name="Counts">The answer's mask as COCO run lengths of the picture's size; null when it gave none.</param>
public sealed record QaMask(string Entity, string Label, long Intersection, long Union, string? Counts = null)
{
    /// <summary>Overlap in the metrics' form.</summary>
    [JsonIgnore]
    public MaskOverlap Overlap => new(Intersection, Union);
}
