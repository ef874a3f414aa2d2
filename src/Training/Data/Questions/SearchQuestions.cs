using PixSearch.Abstractions;
using PixSearch.Training.Data.Scenes;

namespace PixSearch.Training.Data.Questions;

/// <summary>Questions that need one search or two.</summary>
internal sealed class SearchQuestions
{
    private const double InventedShare = 0.6;
    private const double NameShare = 0.14;
    private readonly SourceSet _sources;
    private readonly IReadOnlyList<EntitySource> _pool;
    private readonly List<SideDocument> _documents;
    private readonly bool _invent;

    /// <summary>For one split.</summary>
    /// <param name="sources">All sources.</param>
    /// <param name="pool">Entities of the split.</param>
    /// <param name="invent">Whether names and facts may be invented (training only).</param>
    public SearchQuestions(SourceSet sources, IReadOnlyList<EntitySource> pool, bool invent)
    {
        (_sources, _pool, _invent) = (sources, pool, invent);
        HashSet<string> reachable = pool.SelectMany(entity => entity.Hops).Select(hop => hop.Document.Id)
            .ToHashSet(StringComparer.Ordinal);
        HashSet<string> ofEntities = sources.Entities.SelectMany(entity => entity.Hops).Select(hop => hop.Document.Id)
            .ToHashSet(StringComparer.Ordinal);
        _documents = sources.Documents
            .Where(document => reachable.Contains(document.Id) || !ofEntities.Contains(document.Id)).ToList();
    }

    /// <summary>A fact of the thing that a phrase points at, found by the crop of its mask.</summary>
    public Draft? Region(Scene scene, SeededRandom random)
    {
        if (ChooseTarget(scene, random) is not { } target)
        {
            return null;
        }

        (int index, EntitySource entity, string phrase) = target;
        Card card = Dress(Card.Of(entity), random, out bool invented);
        TrajectoryText text = OpenRegion(phrase, index, card, random);
        if (random.NextBool(NameShare))
        {
            string ask = Phrases.Fill(random.Pick(_sources.NameQuestions), phrase);
            return new Draft("region", ask, card.Title, [card.Title], [index], text, invented);
        }

        Fact fact = random.Pick(card.Facts);
        string question = Phrases.Fill(random.Pick(fact.Kind.Questions), phrase);
        text.Add(" ").Add(Phrases.Fill(fact.Kind.Answer, value: fact.Value));
        return new Draft("region", question, fact.Value, fact.Variants, [index], text, invented);
    }

    /// <summary>A fact of the one thing that fills the picture, found by the whole picture.</summary>
    public Draft? Image(Scene scene, SeededRandom random)
    {
        EntitySource entity = scene.Things[0].Entity!;
        string phrase = ThisThing(entity);
        Card card = Dress(Card.Of(entity), random, out bool invented);
        TrajectoryText text = OpenImage(card, random);
        if (random.NextBool(NameShare))
        {
            string ask = Phrases.Fill(random.Pick(_sources.NameQuestions), phrase);
            return new Draft("image", ask, card.Title, [card.Title], [0], text, invented);
        }

        Fact fact = random.Pick(card.Facts);
        string question = Phrases.Fill(random.Pick(fact.Kind.Questions), phrase);
        text.Add(" ").Add(Phrases.Fill(fact.Kind.Answer, value: fact.Value));
        return new Draft("image", question, fact.Value, fact.Variants, [0], text, invented);
    }

    /// <summary>First the thing's document, then the document of one of its facts.</summary>
    public Draft? MultiHop(Scene scene, SeededRandom random)
    {
        if (ChooseTarget(scene, random) is not { } target || target.Entity.Hops.Count == 0)
        {
            return null;
        }

        (int index, EntitySource entity, string phrase) = target;
        bool full = scene.View == SceneView.Full;
        phrase = full ? ThisThing(entity) : phrase;
        Hop hop = random.Pick(entity.Hops);
        Card first = Dress(Card.Of(entity), random, out bool invented);
        Card second = Card.Of(hop.Document);
        Fact? via = first.Find(hop.Via.Kind);
        if (via is null)
        {
            return null;
        }

        if (invented)
        {
            second = second.Substitute(_pool, random) with { Title = via.Value };
        }

        Fact? fact = second.Find(hop.Fact.Kind);
        if (fact is null)
        {
            return null;
        }

        string query = $"{fact.Kind.Noun} of {second.Title}";
        TrajectoryText text = full ? OpenImage(first, random) : OpenRegion(phrase, index, first, random);
        text.Add(" ").Add(Phrases.Fill(via.Kind.Answer, value: via.Value).TrimEnd('.'))
            .AddSearch(SearchModality.Text, query, Evidence(second, ExtraDocuments(second, random)))
            .Add(". ").Add(Phrases.Fill(fact.Kind.Answer, value: fact.Value));
        string question = Phrases.Fill(random.Pick(fact.Kind.Questions), phrase);
        return new Draft("multihop", question, fact.Value, fact.Variants, [index], text, invented);
    }

    /// <summary>A question that names what it is about; the picture does not matter.</summary>
    public Draft? Text(SeededRandom random)
    {
        bool ofEntity = _documents.Count == 0 || random.NextBool(0.7);
        Card card = ofEntity ? Card.Of(random.Pick(_pool)) : Card.Of(random.Pick(_documents));
        card = Dress(card, random, out bool invented);
        if (card.Facts.Count == 0)
        {
            return null;
        }

        Fact fact = random.Pick(card.Facts);
        string noun = fact.Kind.Noun;
        string question = random.Pick<string>(
        [
            $"What is the {noun} of {card.Title}?", $"Tell me the {noun} of {card.Title}.",
            $"I want to know the {noun} of {card.Title}.", $"Can you find the {noun} of {card.Title}?",
        ]);
        TrajectoryText text = new TrajectoryText()
            .AddSearch(SearchModality.Text, $"{noun} of {card.Title}",
                Evidence(card, ofEntity ? ExtraEntities(card, random) : ExtraDocuments(card, random)))
            .Add($"The {noun} of {card.Title} is {fact.Value}.");
        return new Draft("text", question, fact.Value, fact.Variants, [], text, invented);
    }

    /// <summary>A question that the document found does not answer.</summary>
    public Draft? Unanswerable(Scene scene, SeededRandom random)
    {
        if (ChooseTarget(scene, random) is not { } target)
        {
            return null;
        }

        (int index, EntitySource entity, string phrase) = target;
        bool full = scene.View == SceneView.Full;
        phrase = full ? ThisThing(entity) : phrase;
        Card card = Dress(Card.Of(entity), random, out bool invented);
        string question = random.Pick(_sources.Unanswerable);
        if (_invent && random.NextBool(0.4))
        {
            // The fact that is asked for is missing from this card, while other cards have it.
            FactKind missing = random.Pick(card.Facts).Kind;
            card = card.Without(missing);
            question = random.Pick(missing.Questions);
            invented = true;
        }

        TrajectoryText text = full ? OpenImage(card, random) : OpenRegion(phrase, index, card, random);
        text.Add(" I don't know.");
        return new Draft("unanswerable", Phrases.Fill(question, phrase), "I don't know", ["I don't know"], [index],
            text, invented);
    }

    private static (int Index, EntitySource Entity, string Phrase)? ChooseTarget(Scene scene, SeededRandom random)
    {
        int index = random.NextInt(scene.Things.Count);
        SceneThing thing = scene.Things[index];
        return thing.Entity is not null
            && ReferringExpression.Choose(thing, scene.Things, random) is { } phrase
            ? (index, thing.Entity, phrase.Text)
            : null;
    }

    private static string ThisThing(EntitySource entity) => $"this {entity.Label}";

    private Card Dress(Card card, SeededRandom random, out bool invented)
    {
        invented = _invent && random.NextBool(InventedShare);
        return invented ? card.Substitute(_pool, random) : card;
    }

    private TrajectoryText OpenRegion(string phrase, int index, Card card, SeededRandom random) => new TrajectoryText()
        .AddSpan(Phrases.Capital(phrase), index)
        .AddSearch(SearchModality.Region, "", Evidence(card, ExtraEntities(card, random)))
        .Add($" is {card.Title}.");

    private TrajectoryText OpenImage(Card card, SeededRandom random) => new TrajectoryText()
        .AddSearch(SearchModality.Image, "", Evidence(card, ExtraEntities(card, random)))
        .Add($"The picture shows {card.Title}.");

    private List<Card> ExtraEntities(Card gold, SeededRandom random) =>
        Extra(_pool.Count, i => Card.Of(_pool[i]), gold, random);

    private List<Card> ExtraDocuments(Card gold, SeededRandom random) =>
        Extra(_documents.Count, i => Card.Of(_documents[i]), gold, random);

    private static List<Card> Extra(int count, Func<int, Card> at, Card gold, SeededRandom random)
    {
        double draw = random.NextDouble();
        int wanted = draw < 0.4 ? 0 : draw < 0.75 ? 1 : 2;
        var extra = new List<Card>();
        for (int tries = 0; extra.Count < wanted && tries < 10 && count > 0; tries++)
        {
            Card card = at(random.NextInt(count));
            if (card.DocumentId != gold.DocumentId && extra.All(other => other.DocumentId != card.DocumentId))
            {
                extra.Add(card);
            }
        }

        return extra;
    }

    private static List<EvidenceHit> Evidence(Card gold, List<Card> extra) =>
        [gold.ToHit(), .. extra.Select(card => card.ToHit())];
}
