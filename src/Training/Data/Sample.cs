using System.Text.Json;
using System.Text.Json.Serialization;
using PixSearch.Abstractions;

namespace PixSearch.Training.Data;

/// <summary>One line of <c>train.jsonl</c>, <c>val.jsonl</c> or <c>test.jsonl</c>: a picture, a question, its answer
/// and the target trajectory.</summary>
public sealed record Sample
{
    /// <summary>Unique in the data set: split, scene and number.</summary>
    public required string Id { get; init; }

    /// <summary>The scene; samples of one scene share the picture and the entities.</summary>
    public required string Scene { get; init; }

    /// <summary><c>train</c>, <c>val</c> or <c>test</c>.</summary>
    public required string Split { get; init; }

    /// <summary>Path of the picture, relative to the data set's folder.</summary>
    public required string Image { get; init; }

    /// <summary>Width of the picture in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of the picture in pixels.</summary>
    public required int Height { get; init; }

    /// <summary><c>ego</c> (wide angle, small target) or <c>non-ego</c>.</summary>
    public required string View { get; init; }

    /// <summary>1: segmentation only; 2: search-interleaved.</summary>
    public required int Stage { get; init; }

    /// <summary><c>segment</c>, <c>region</c>, <c>image</c>, <c>text</c>, <c>multihop</c>, <c>none</c> or
    /// <c>unanswerable</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The question.</summary>
    public required string Question { get; init; }

    /// <summary>The short answer.</summary>
    public required string Answer { get; init; }

    /// <summary>Accepted forms of the answer.</summary>
    public required IReadOnlyList<string> Variants { get; init; }

    /// <summary>Everything in the scene that has a mask, entities and plain objects.</summary>
    public required IReadOnlyList<SampleEntity> Entities { get; init; }

    /// <summary>Indices into <see cref="Entities"/> of what is asked for.</summary>
    public required IReadOnlyList<int> Target { get; init; }

    /// <summary>What follows <c>ASSISTANT:</c> and one space, without the end token.</summary>
    public required string Trajectory { get; init; }

    /// <summary>Character ranges of the trajectory that own a mask.</summary>
    public required IReadOnlyList<SampleSpan> Spans { get; init; }

    /// <summary>The searches of the trajectory, in order.</summary>
    public required IReadOnlyList<SampleSearch> Searches { get; init; }

    /// <summary>True when names and facts in the evidence are invented or swapped, so that they must be copied, not
    /// remembered (training split only).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Substituted { get; init; }

    /// <summary>How the files are written and read.</summary>
    public static JsonSerializerOptions JsonOptions { get; } = new(JsonSerializerDefaults.Web)
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Reads a split file of a data set.</summary>
    /// <param name="path">The <c>.jsonl</c> file.</param>
    /// <exception cref="PixException">NotFound, or BrokenArtifact with the line number.</exception>
    public static IReadOnlyList<Sample> ReadAll(string path) => JsonLines.Read<Sample>(path);
}

/// <summary>A thing in a scene.</summary>
/// <param name="Id">Entity id (<c>flag:FJ</c>) or <c>object:drum</c>.</param>
/// <param name="Name">Its name, as its document's title.</param>
/// <param name="Label">The generic word for it: flag, fish, drum.</param>
/// <param name="Bbox">x, y, width, height in pixels of the visible part.</param>
/// <param name="Mask">The visible part.</param>
public sealed record SampleEntity(string Id, string Name, string Label, IReadOnlyList<int> Bbox, SampleMask Mask);

/// <summary>A mask as COCO writes it: size is [height, width].</summary>
public sealed record SampleMask(IReadOnlyList<int> Size, string Counts)
{
    /// <summary>The same mask as the rest of the program knows it.</summary>
    public RleMask ToRle() => new(Size[0], Size[1], Counts);
}

/// <summary>Characters [Start, End) of the trajectory own the mask of an entity (index).</summary>
public sealed record SampleSpan(int Start, int End, int Entity);

/// <summary>One search: modality (<c>region</c>, <c>image</c>, <c>text</c>), the text query, the document that
/// answers.</summary>
public sealed record SampleSearch(string Modality, string Query, string Gold);

/// <summary>One line of <c>kb/documents.jsonl</c>.</summary>
/// <param name="Id">Unique; for entities the same as the entity's id.</param>
/// <param name="Title">Title.</param>
/// <param name="Text">A short card of facts.</param>
/// <param name="Picture">Path relative to <c>kb/</c>, or null.</param>
/// <param name="Entity">The entity that it is about, or null.</param>
public sealed record KbDocument(string Id, string Title, string Text, string? Picture, string? Entity);
