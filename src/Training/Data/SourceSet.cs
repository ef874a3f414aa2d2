using PixSearch.Imaging;

namespace PixSearch.Training.Data;

/// <summary>What invented values of a fact look like.</summary>
public enum ValueForm
{
    /// <summary>A proper name: Suva.</summary>
    Name,

    /// <summary>One or two plain words: marsupial.</summary>
    Word,

    /// <summary>A species name: Catla catla.</summary>
    Latin,

    /// <summary>A number, perhaps with a unit: 16.2 g.</summary>
    Number,

    /// <summary>A short code in capitals: FJD.</summary>
    Code,
}

/// <summary>
/// A kind of fact with the texts about it. <c>{ref}</c> is the referring phrase, <c>{name}</c> the name, <c>{value}</c>
/// the value.
/// </summary>
/// <param name="Key">Unique name of the kind.</param>
/// <param name="Card">How the card of a document says it: <c>capital {value}</c>.</param>
/// <param name="Form">What invented values look like.</param>
/// <param name="Questions">Paraphrases with <c>{ref}</c>.</param>
/// <param name="Answer">A sentence with <c>{value}</c>, no name.</param>
/// <param name="Noun">The fact as a noun, for text queries: <c>capital</c>.</param>
public sealed record FactKind(string Key, string Card, ValueForm Form, IReadOnlyList<string> Questions, string Answer,
    string Noun);

/// <summary>A fact of an entity or document.</summary>
public sealed record Fact(FactKind Kind, string Value, IReadOnlyList<string> Variants)
{
    /// <summary>A fact whose only accepted form is its value.</summary>
    public Fact(FactKind kind, string value)
        : this(kind, value, [value])
    {
    }

    /// <summary>The part of the card.</summary>
    public string Card => Kind.Card.Replace("{value}", Value, StringComparison.Ordinal);
}

/// <summary>A document that is not about an entity; its title is the value of some entity's fact.</summary>
/// <param name="Id">Unique id.</param>
/// <param name="Title">Title, also the value that leads here.</param>
/// <param name="Facts">Its card.</param>
public sealed record SideDocument(string Id, string Title, IReadOnlyList<Fact> Facts);

/// <summary>A second search: from the value of one fact to a fact of the document with that title.</summary>
/// <param name="Via">The fact of the entity whose value is the document's title.</param>
/// <param name="Document">The second document.</param>
/// <param name="Fact">The fact that is asked for; its questions speak of the entity's <c>{ref}</c>.</param>
public sealed record Hop(Fact Via, SideDocument Document, Fact Fact);

/// <summary>Something with a document: what the questions are about.</summary>
public sealed record EntitySource
{
    /// <summary>Unique id: <c>flag:FJ</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Name and title of its document.</summary>
    public required string Name { get; init; }

    /// <summary>Generic word: flag, fish.</summary>
    public required string Label { get; init; }

    /// <summary>The picture with its exact outline; null for an entity that has a document but is never
    /// shown.</summary>
    public RgbaImage? Cutout { get; init; }

    /// <summary>Its card, in this order.</summary>
    public required IReadOnlyList<Fact> Facts { get; init; }

    /// <summary>Where a second search may lead.</summary>
    public IReadOnlyList<Hop> Hops { get; init; } = [];
}

/// <summary>A plain thing that is known from training: drum, car.</summary>
/// <param name="Label">Generic word.</param>
/// <param name="Cutout">The picture with its exact outline.</param>
/// <param name="Colour">Its one colour, or null.</param>
public sealed record ObjectSource(string Label, RgbaImage Cutout, string? Colour)
{
    /// <summary>Its id in samples.</summary>
    public string Id => $"object:{Label.Replace(' ', '-')}";
}

/// <summary>Where something came from.</summary>
public sealed record SourceLicence(string Name, string Version, string Licence);

/// <summary>Everything that a data set is composed of.</summary>
public sealed record SourceSet
{
    /// <summary>Name of the data set.</summary>
    public required string Name { get; init; }

    /// <summary>What the questions are about.</summary>
    public required IReadOnlyList<EntitySource> Entities { get; init; }

    /// <summary>Plain things beside them.</summary>
    public required IReadOnlyList<ObjectSource> Objects { get; init; }

    /// <summary>Photographs, each at least 400 pixels a side.</summary>
    public required IReadOnlyList<RgbImage> Backgrounds { get; init; }

    /// <summary>Documents about other things.</summary>
    public required IReadOnlyList<SideDocument> Documents { get; init; }

    /// <summary>Questions whose answer is the name, with <c>{ref}</c>.</summary>
    public required IReadOnlyList<string> NameQuestions { get; init; }

    /// <summary>Questions that no document answers, with <c>{ref}</c>.</summary>
    public required IReadOnlyList<string> Unanswerable { get; init; }

    /// <summary>Cloth: flags wave; other things do not bend.</summary>
    public bool Waves { get; init; }

    /// <summary>Packages and their licences.</summary>
    public required IReadOnlyList<SourceLicence> Licences { get; init; }
}
