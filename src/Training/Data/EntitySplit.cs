using System.Text;

namespace PixSearch.Training.Data;

/// <summary>
/// Which entities are held out for the test split. The choice depends on the ids only, not on the seed, so that models
/// and sample pictures of different builds agree about what has never been seen.
/// </summary>
public sealed class EntitySplit
{
    /// <summary>Share of the entities that is held out.</summary>
    public const double TestShare = 0.2;

    private readonly HashSet<string> _test;
    private readonly NameMatcher _testNames;

    /// <summary>Splits the entities of a source set.</summary>
    /// <param name="sources">The source set.</param>
    /// <param name="testOnly">True to hold out all of them.</param>
    public EntitySplit(SourceSet sources, bool testOnly = false)
    {
        List<EntitySource> shown = sources.Entities.Where(entity => entity.Cutout is not null).ToList();
        HashSet<string> mentioned = testOnly ? [] : FindMentioned(sources);
        int count = testOnly ? shown.Count : (int)Math.Round(sources.Entities.Count * TestShare);
        Test = shown.Where(entity => !mentioned.Contains(entity.Id)).OrderBy(entity => Hash(entity.Id)).Take(count)
            .OrderBy(entity => entity.Id, StringComparer.Ordinal).ToList();
        _test = Test.Select(entity => entity.Id).ToHashSet(StringComparer.Ordinal);
        Train = shown.Where(entity => !_test.Contains(entity.Id)).ToList();
        _testNames = new NameMatcher(Test.Select(entity => entity.Name));
    }

    /// <summary>Entities of training and validation.</summary>
    public IReadOnlyList<EntitySource> Train { get; }

    /// <summary>Entities of the test split, in order of id.</summary>
    public IReadOnlyList<EntitySource> Test { get; }

    /// <summary>Whether an entity is held out.</summary>
    public bool IsTest(string entityId) => _test.Contains(entityId);

    /// <summary>Whether a text names a held-out entity, as whole words, whatever the case.</summary>
    public bool NamesTestEntity(string text) => _testNames.IsIn(text);

    // An entity whose name stands in another's document (Guinea in Papua New Guinea, the Australian dollar) cannot be
    // held out: training would read of it.
    private static HashSet<string> FindMentioned(SourceSet sources)
    {
        var owners = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (EntitySource entity in sources.Entities)
        {
            owners[NameMatcher.Normalize(entity.Name)] = entity.Id;
        }

        var names = new NameMatcher(sources.Entities.Select(entity => entity.Name));
        var mentioned = new HashSet<string>(StringComparer.Ordinal);
        IEnumerable<(string Id, string Text)> texts = sources.Entities
            .Select(entity => (entity.Id, Text(entity.Name, entity.Facts)))
            .Concat(sources.Documents.Select(document => (document.Id, Text(document.Title, document.Facts))))
            .Concat(sources.Objects.Select(thing => (thing.Id, thing.Label)))
            .Concat(sources.Entities.Select(entity => ("label", entity.Label)));
        foreach ((string id, string text) in texts)
        {
            foreach (string name in names.FindAll(text))
            {
                if (owners[name] != id)
                {
                    mentioned.Add(owners[name]);
                }
            }
        }

        return mentioned;
    }

    private static string Text(string title, IReadOnlyList<Fact> facts) =>
        $"{title}. {string.Join("; ", facts.Select(fact => fact.Card))}";

    // FNV-1a, 64 bits: stable over runtimes, unlike string.GetHashCode.
    private static ulong Hash(string text)
    {
        ulong hash = 14695981039346656037;
        foreach (byte value in Encoding.UTF8.GetBytes("pixsearch split " + text))
        {
            hash = (hash ^ value) * 1099511628211;
        }

        // FNV hardly mixes the last characters into the high bits; without this (Murmur3's finisher) the held-out
        // countries would be neighbours in the alphabet.
        hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCD;
        hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53;
        return hash ^ (hash >> 33);
    }
}
