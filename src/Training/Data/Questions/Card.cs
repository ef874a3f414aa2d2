using PixSearch.Abstractions;

namespace PixSearch.Training.Data.Questions;

/// <summary>A document as evidence shows it: title and facts, as they are or changed.</summary>
internal sealed record Card(string DocumentId, string Title, IReadOnlyList<Fact> Facts)
{
    /// <summary>The text of the document: facts in order.</summary>
    public string Text => string.Join("; ", Facts.Select(fact => fact.Card));

    public EvidenceHit ToHit(float score = 1) => new(DocumentId, Title, Text, score, SearchModality.Text);

    public static Card Of(EntitySource entity) => new(entity.Id, entity.Name, entity.Facts);

    public static Card Of(SideDocument document) => new(document.Id, document.Title, document.Facts);

    public Fact? Find(FactKind kind) => Facts.FirstOrDefault(fact => fact.Kind.Key == kind.Key);

    /// <summary>The same card with another name and other values.</summary>
    public Card Substitute(IReadOnlyList<EntitySource> pool, SeededRandom random)
    {
        string title = random.NextBool(0.75) ? Invention.Name(Title, random) : random.Pick(pool).Name;
        return this with { Title = title, Facts = Facts.Select(fact => Change(fact, pool, random)).ToList() };
    }

    /// <summary>The same card without one fact.</summary>
    public Card Without(FactKind kind) =>
        this with { Facts = Facts.Where(fact => fact.Kind.Key != kind.Key).ToList() };

    private static Fact Change(Fact fact, IReadOnlyList<EntitySource> pool, SeededRandom random)
    {
        if (random.NextBool(0.4))
        {
            // Another entity's value of the same kind.
            Fact? other = random.Pick(pool).Facts.FirstOrDefault(candidate => candidate.Kind.Key == fact.Kind.Key);
            if (other is not null)
            {
                return other;
            }
        }

        return new Fact(fact.Kind, Invention.Value(fact.Kind.Form, fact.Value, random));
    }
}
