using System.Globalization;
using System.Text.Json;
using PixSearch.Imaging;

namespace PixSearch.Training.Data.Sources;

/// <summary>The data set "flags": 250 countries and territories by their flags.</summary>
public static class FlagSources
{
    // Flags that differ less than this look the same when waved and lit (Chad and Romania, Norway and Bouvet Island).
    private const double LookAlikeMax = 9;
    private const int CardCharactersMax = 152;

    /// <summary>Fetches and reads everything.</summary>
    public static async Task<SourceSet> LoadAsync(SourceCache cache, CancellationToken cancellation)
    {
        string flags = await cache.NpmAsync("svg-country-flags", "1.2.10", cancellation);
        string facts = await cache.NpmAsync("world-countries", "5.1.0", cancellation);
        string stamps = await CommonSources.StampsAsync(cache, cancellation);
        string words = await cache.DebianAsync("wordnet-base", cancellation);
        List<ObjectSource> objects = CommonSources.Objects(stamps);
        var documents = new Dictionary<string, SideDocument>(StringComparer.Ordinal);
        List<EntitySource> entities = Countries(Path.Combine(facts, "countries.json"),
            Path.Combine(flags, "png250px"), documents);
        return new SourceSet
        {
            Name = "flags",
            Entities = entities,
            Objects = objects,
            Backgrounds = await CommonSources.PhotographsAsync(cache, cancellation),
            Documents = [.. documents.Values,
                .. CommonSources.ThingDocuments(objects, WordNet.Load(Path.Combine(words, "usr/share/wordnet")))],
            NameQuestions =
            [
                "Which country does {ref} belong to?", "What is the country of {ref}?", "Name the country of {ref}.",
            ],
            Unanswerable =
            [
                "Who is the president of the country of {ref}?", "What is the population of the country of {ref}?",
                "What is the national anthem of the country of {ref}?",
                "What is the highest mountain of the country of {ref}?",
                "What is the longest river of the country of {ref}?",
                "What is the national animal of the country of {ref}?",
            ],
            Waves = true,
            Licences = [new("npm svg-country-flags", "1.2.10", "PD"), new("npm world-countries", "5.1.0", "ODbL-1.0"),
                .. CommonSources.Licences],
        };
    }

    private static List<EntitySource> Countries(string file, string flags, Dictionary<string, SideDocument> documents)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(file));
        List<JsonElement> countries = json.RootElement.EnumerateArray()
            .OrderByDescending(country => country.TryGetProperty("unMember", out JsonElement member)
                && member.ValueKind == JsonValueKind.True)
            .ThenBy(country => country.GetProperty("cca2").GetString(), StringComparer.Ordinal).ToList();
        HashSet<string> names = countries.Select(Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        Dictionary<string, int> users = countries.SelectMany(Currencies).GroupBy(pair => pair.Code)
            .ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);
        var seen = new List<PictureSignature>();
        var entities = new List<EntitySource>();
        foreach (JsonElement country in countries)
        {
            string code = country.GetProperty("cca2").GetString()!;
            RgbaImage? flag = null;
            string picture = Path.Combine(flags, code.ToLowerInvariant() + ".png");
            if (File.Exists(picture))
            {
                flag = PictureCodec.DecodeRgba(PictureCodec.ReadFile(picture, PictureLimits.Default));
                var signature = new PictureSignature(flag.Over(Rgb.White));
                flag = seen.Any(other => other.DistanceTo(signature) < LookAlikeMax) ? null : flag;
                seen.Add(signature);
            }

            entities.Add(Country(country, code, flag, names, users, documents));
        }

        return entities;
    }

    private static EntitySource Country(JsonElement country, string code, RgbaImage? flag, HashSet<string> names,
        Dictionary<string, int> users, Dictionary<string, SideDocument> documents)
    {
        string name = Name(country);
        var facts = new List<Fact>();
        var hops = new List<Hop>();
        string? capital = country.GetProperty("capital").EnumerateArray().Select(item => Clean(item.GetString()!))
            .FirstOrDefault();
        if (capital is not null)
        {
            var fact = new Fact(FlagFacts.Capital, capital);
            facts.Add(fact);
            if (!names.Contains(capital))
            {
                AddCapital(country, code, capital, fact, hops, documents);
            }
        }

        Add(FlagFacts.Continent, country.GetProperty("region").GetString()!, facts);
        Add(FlagFacts.Subregion, country.GetProperty("subregion").GetString()!, facts);
        foreach ((string currencyCode, string currency) in Currencies(country).Take(1))
        {
            var fact = new Fact(FlagFacts.Currency, currency);
            facts.Add(fact);
            string id = $"currency:{currencyCode}";
            documents.TryAdd(id, new SideDocument(id, currency,
            [
                new Fact(FlagFacts.CurrencyCode, currencyCode),
                new Fact(FlagFacts.Users, users[currencyCode].ToString(CultureInfo.InvariantCulture)),
            ]));
            hops.AddRange(documents[id].Facts.Select(second => new Hop(fact, documents[id], second)));
        }

        string[] languages = country.GetProperty("languages").EnumerateObject()
            .Select(item => Clean(item.Value.GetString()!)).Take(2).ToArray();
        if (languages.Length > 0)
        {
            string both = string.Join(" and ", languages);
            facts.Add(new Fact(FlagFacts.Language, both,
                languages.Prepend(both).Distinct(StringComparer.Ordinal).ToList()));
        }

        long area = (long)Math.Round(country.GetProperty("area").GetDouble());
        if (area > 0)
        {
            facts.Add(new Fact(FlagFacts.Area, $"{area} sq km", [$"{area} sq km", $"{area}"]));
        }

        facts.Add(new Fact(FlagFacts.Neighbours,
            country.GetProperty("borders").GetArrayLength().ToString(CultureInfo.InvariantCulture)));
        while (name.Length + 2 + facts.Sum(fact => fact.Card.Length + 2) > CardCharactersMax)
        {
            facts.RemoveAt(facts.Count - 1);
        }

        return new EntitySource
        {
            Id = $"flag:{code}", Name = name, Label = "flag", Cutout = flag, Facts = facts,
            Hops = hops.Where(hop => facts.Contains(hop.Via)).ToList(),
        };
    }

    private static void AddCapital(JsonElement country, string code, string capital, Fact fact, List<Hop> hops,
        Dictionary<string, SideDocument> documents)
    {
        JsonElement dialling = country.GetProperty("idd");
        List<string> suffixes = dialling.GetProperty("suffixes").EnumerateArray()
            .Select(item => item.GetString()!).ToList();
        string suffix = suffixes.Count == 1 ? suffixes[0] : "";
        string calling = (dialling.GetProperty("root").GetString() + suffix).TrimStart('+');
        string? domain = country.GetProperty("tld").EnumerateArray().Select(item => item.GetString()!.TrimStart('.'))
            .FirstOrDefault();
        var second = new List<Fact>();
        if (calling.Length > 0)
        {
            second.Add(new Fact(FlagFacts.CallingCode, calling, [calling, "+" + calling]));
        }

        if (domain is not null && domain.All(char.IsAsciiLetter))
        {
            second.Add(new Fact(FlagFacts.Domain, domain, [domain, "." + domain]));
        }

        // Two capitals of one name (Kingston, Georgetown): the second has no document of its own.
        bool taken = documents.Values.Any(other => other.Title == capital);
        if (second.Count > 0 && !taken)
        {
            var document = new SideDocument($"capital:{code}", capital, second);
            documents.Add(document.Id, document);
            hops.AddRange(second.Select(item => new Hop(fact, document, item)));
        }
    }

    private static void Add(FactKind kind, string value, List<Fact> facts)
    {
        if (value.Length > 0)
        {
            facts.Add(new Fact(kind, Clean(value)));
        }
    }

    private static string Name(JsonElement country) =>
        Clean(country.GetProperty("name").GetProperty("common").GetString()!);

    private static IEnumerable<(string Code, string Name)> Currencies(JsonElement country)
    {
        JsonElement currencies = country.GetProperty("currencies");
        return currencies.ValueKind != JsonValueKind.Object
            ? []
            : currencies.EnumerateObject()
                .Select(item => (item.Name, Clean(item.Value.GetProperty("name").GetString()!))).ToList();
    }

    // Full stops would end the last sentence too early.
    private static string Clean(string text) => AsciiText.Fold(text).Replace(".", "", StringComparison.Ordinal);
}
