using PixSearch.Abstractions;

namespace PixSearch.Evaluation;

/// <summary>One line of <c>val.jsonl</c> or <c>test.jsonl</c> of a data set made by <c>px data build</c>.</summary>
public sealed record EvalSample
{
    /// <summary>Unique in the data set.</summary>
    public required string Id { get; init; }

    /// <summary>The picture that it asks about; several questions share a scene.</summary>
    public required string Scene { get; init; }

    /// <summary>Path of the picture, relative to the data set.</summary>
    public required string Image { get; init; }

    /// <summary>Width of the picture in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of the picture in pixels.</summary>
    public required int Height { get; init; }

    /// <summary><c>ego</c> (wide, the entity is small) or <c>non-ego</c>.</summary>
    public required string View { get; init; }

    /// <summary>1: segmentation only; 2: questions with an answer.</summary>
    public required int Stage { get; init; }

    /// <summary>segment, region, image, text, multihop, none or unanswerable.</summary>
    public required string Kind { get; init; }

    /// <summary>The question.</summary>
    public required string Question { get; init; }

    /// <summary>Accepted answers.</summary>
    public IReadOnlyList<string> Variants { get; init; } = [];

    /// <summary>What is in the picture.</summary>
    public IReadOnlyList<EvalEntity> Entities { get; init; } = [];

    /// <summary>Indices of the entities that are asked for.</summary>
    public IReadOnlyList<int> Target { get; init; } = [];

    /// <summary>The reference answer, searches and evidence included.</summary>
    public string Trajectory { get; init; } = "";

    /// <summary>Phrases of <see cref="Trajectory"/> that own a mask.</summary>
    public IReadOnlyList<EvalSpan> Spans { get; init; } = [];

    /// <summary>The searches of the reference answer.</summary>
    public IReadOnlyList<EvalSearch> Searches { get; init; } = [];

    /// <summary>Whether the answer cannot be known from the picture alone but can be found.</summary>
    public bool NeedsSearch => Kind is "region" or "image" or "text" or "multihop";
}

/// <summary>Something in a picture.</summary>
/// <param name="Id">For example <c>flag:FJ</c>.</param>
/// <param name="Label">Generic word, for example <c>flag</c>.</param>
/// <param name="Mask">Its pixels.</param>
public sealed record EvalEntity(string Id, string Label, EvalMask Mask);

/// <summary>COCO run lengths. <paramref name="Size"/>: [height, width].</summary>
public sealed record EvalMask(IReadOnlyList<int> Size, string Counts)
{
    /// <summary>The mask in the project's form.</summary>
    public RleMask ToRle() => new(Size[0], Size[1], Counts);
}

/// <summary>Characters [Start, End) of the trajectory show entity number Entity.</summary>
public readonly record struct EvalSpan(int Start, int End, int Entity);

/// <summary>
/// A search of the reference answer; gold: the entity whose document answers it, null when there is none.
/// </summary>
public sealed record EvalSearch(string Modality, string Query, string? Gold);
