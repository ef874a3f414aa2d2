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

    private static readonly FactKind s_capital = new("capital", "capital {value}", ValueForm.Name,
    [
        "What is the capital of the country of {ref}?", "Which city is the capital of the country of {ref}?",
        "{ref} belongs to a country. What is its capital?", "Name the capital of the country that uses {ref}.",
    ], "Its capital is {value}.", "capital");

    private static readonly FactKind s_region = new("region", "continent {value}", ValueForm.Name,
    [
        "On which continent is the country of {ref}?", "Which continent does the country of {ref} belong to?",
    ], "Its continent is {value}.", "continent");

    private static readonly FactKind s_subregion = new("subregion", "subregion {value}", ValueForm.Name,
    [
        "Which subregion is the country of {ref} in?", "What is the subregion of the country of {ref}?",
    ], "Its subregion is {value}.", "subregion");

    private static readonly FactKind s_currency = new("currency", "currency {value}", ValueForm.Name,
    [
        "What is the currency of the country of {ref}?", "Which money is used in the country of {ref}?",
        "With which currency does one pay in the country of {ref}?",
    ], "Its currency is {value}.", "currency");

    private static readonly FactKind s_language = new("language", "language {value}", ValueForm.Name,
    [
        "Which language is spoken in the country of {ref}?", "What is the language of the country of {ref}?",
    ], "Its language is {value}.", "language");

    private static readonly FactKind s_area = new("area", "area {value}", ValueForm.Number,
    [
        "How large is the country of {ref}?", "What is the area of the country of {ref}?",
    ], "Its area is {value}.", "area");

    private static readonly FactKind s_neighbours = new("neighbours", "neighbours {value}", ValueForm.Number,
    [
        "How many neighbours does the country of {ref} have?", "How many countries border the country of {ref}?",
    ], "Its number of neighbours is {value}.", "number of neighbours");

    private static readonly FactKind s_callingCode = new("calling-code", "calling code {value}", ValueForm.Number,
    [
        "What is the calling code of the capital of the country of {ref}?",
        "Which calling code does one dial for the capital of the country of {ref}?",
    ], "The calling code is {value}.", "calling code");

    private static readonly FactKind s_domain = new("domain", "internet domain {value}", ValueForm.Code,
    [
        "What is the internet domain of the capital of the country of {ref}?",
    ], "The internet domain is {value}.", "internet domain");

    private static readonly FactKind s_currencyCode = new("currency-code", "currency code {value}", ValueForm.Code,
    [
        "What is the code of the currency of the country of {ref}?",
        "Which currency code has the money of the country of {ref}?",
    ], "The currency code is {value}.", "currency code");

    private static readonly FactKind s_users = new("users", "number of users {value}", ValueForm.Number,
    [
        "How many countries use the currency of the country of {ref}?",
    ], "The number of users is {value}.", "number of users");

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
            var fact = new Fact(s_capital, capital);
            facts.Add(fact);
            if (!names.Contains(capital))
            {
                AddCapital(country, code, capital, fact, hops, documents);
            }
        }

        Add(s_region, country.GetProperty("region").GetString()!, facts);
        Add(s_subregion, country.GetProperty("subregion").GetString()!, facts);
        foreach ((string currencyCode, string currency) in Currencies(country).Take(1))
        {
            var fact = new Fact(s_currency, currency);
            facts.Add(fact);
            string id = $"currency:{currencyCode}";
            documents.TryAdd(id, new SideDocument(id, currency,
            [
                new Fact(s_currencyCode, currencyCode),
                new Fact(s_users, users[currencyCode].ToString(CultureInfo.InvariantCulture)),
            ]));
            hops.AddRange(documents[id].Facts.Select(second => new Hop(fact, documents[id], second)));
        }

        string[] languages = country.GetProperty("languages").EnumerateObject()
            .Select(item => Clean(item.Value.GetString()!)).Take(2).ToArray();
        if (languages.Length > 0)
        {
            string both = string.Join(" and ", languages);
            facts.Add(new Fact(s_language, both, languages.Prepend(both).Distinct(StringComparer.Ordinal).ToList()));
        }

        long area = (long)Math.Round(country.GetProperty("area").GetDouble());
        if (area > 0)
        {
            facts.Add(new Fact(s_area, $"{area} sq km", [$"{area} sq km", $"{area}"]));
        }

        facts.Add(new Fact(s_neighbours,
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
            second.Add(new Fact(s_callingCode, calling, [calling, "+" + calling]));
        }

        if (domain is not null && domain.All(char.IsAsciiLetter))
        {
            second.Add(new Fact(s_domain, domain, [domain, "." + domain]));
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
