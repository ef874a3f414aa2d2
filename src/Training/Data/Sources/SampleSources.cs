using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Training.Data.Scenes;

namespace PixSearch.Training.Data.Sources;

/// <summary>
/// The committed sample pictures of <c>px demo</c>: flags of held-out countries among plain things. Only art that may
/// be committed goes in: public-domain flags (svg-country-flags), public-domain drawings (Open Clip Art), backgrounds
/// drawn here. The facts of the small knowledge base are common knowledge, written down here.
/// </summary>
public static class SampleSources
{
    private const string ClipArt = "usr/share/openclipart/png";
    private const int JpegQuality = 92;
    private const ulong Seed = 2026;

    // Scenes that were looked at and found good: numbers of random streams. The questions in samples/demo.json are
    // about them.
    private static readonly (ulong Stream, string Name)[] s_scenes =
    [
        (3, "table"), (5, "sand"), (7, "hat"), (8, "meadow"), (9, "football"), (10, "music"),
    ];

    private static readonly string[] s_objects =
    [
        "food/beverages/teapot_ganson=teapot,white", "people/clothing/adventurer_hat_nicu_bucu_01=hat,brown",
        "people/clothing/hats/tophat_benji_park_01=hat,black", "recreation/music/guitar_jarno_vasamaa1=guitar,-",
        "recreation/holiday/sportcar_sergio_luiz_ara_01=car,red", "transportation/car_jamin_ellis_=car,blue",
        "transportation/bus2_jarno_vasamaa_01=bus,blue", "transportation/boating/boat_jarno_vasamaa1=boat,-",
        "recreation/sports/soccer_ball_ganson=soccer ball,-", "recreation/music/trumpet_b_flat_colour_ganso=trumpet,-",
    ];

    // Code | name | capital | continent | subregion | currency | language | area | neighbours | calling code | domain |
    // code.
    private static readonly string[] s_countries =
    [
        "AO|Angola|Luanda|Africa|Middle Africa|Angolan kwanza|Portuguese|1246700|4|244|ao|AOA",
        "AT|Austria|Vienna|Europe|Central Europe|Euro|German|83871|8|43|at|EUR",
        "BB|Barbados|Bridgetown|Americas|Caribbean|Barbadian dollar|English|430|0|1246|bb|BBD",
        "DZ|Algeria|Algiers|Africa|Northern Africa|Algerian dinar|Arabic|2381741|7|213|dz|DZD",
        "FI|Finland|Helsinki|Europe|Northern Europe|Euro|Finnish and Swedish|338455|3|358|fi|EUR",
        "GA|Gabon|Libreville|Africa|Middle Africa|Central African CFA franc|French|267668|3|241|ga|XAF",
        "HN|Honduras|Tegucigalpa|Americas|Central America|Honduran lempira|Spanish|112492|3|504|hn|HNL",
        "JO|Jordan|Amman|Asia|Western Asia|Jordanian dinar|Arabic|89342|5|962|jo|JOD",
        "KE|Kenya|Nairobi|Africa|Eastern Africa|Kenyan shilling|English and Swahili|580367|5|254|ke|KES",
        "KR|South Korea|Seoul|Asia|Eastern Asia|South Korean won|Korean|100210|1|82|kr|KRW",
        "KZ|Kazakhstan|Astana|Asia|Central Asia|Kazakhstani tenge|Kazakh and Russian|2724900|5|7|kz|KZT",
        "LA|Laos|Vientiane|Asia|South-Eastern Asia|Lao kip|Lao|236800|5|856|la|LAK",
        "MA|Morocco|Rabat|Africa|Northern Africa|Moroccan dirham|Arabic|446550|3|212|ma|MAD",
        "NA|Namibia|Windhoek|Africa|Southern Africa|Namibian dollar|English|825615|4|264|na|NAD",
        "NG|Nigeria|Abuja|Africa|Western Africa|Nigerian naira|English|923768|4|234|ng|NGN",
        "OM|Oman|Muscat|Asia|Western Asia|Omani rial|Arabic|309500|3|968|om|OMR",
        "PH|Philippines|Manila|Asia|South-Eastern Asia|Philippine peso|English and Filipino|300000|0|63|ph|PHP",
        "RO|Romania|Bucharest|Europe|Southeast Europe|Romanian leu|Romanian|238397|5|40|ro|RON",
        "SI|Slovenia|Ljubljana|Europe|Central Europe|Euro|Slovene|20273|4|386|si|EUR",
        "TR|Turkiye|Ankara|Asia|Western Asia|Turkish lira|Turkish|783562|8|90|tr|TRY",
        "UA|Ukraine|Kyiv|Europe|Eastern Europe|Ukrainian hryvnia|Ukrainian|603628|7|380|ua|UAH",
        "VN|Vietnam|Hanoi|Asia|South-Eastern Asia|Vietnamese dong|Vietnamese|331212|3|84|vn|VND",
    ];

    /// <summary>Ids of the countries shown; all must be held out.</summary>
    internal static IEnumerable<string> EntityIds => s_countries.Select(line => $"flag:{line.Split('|')[0]}");

    /// <summary>Writes the pictures and <c>kb/</c> into a folder; other files there are left alone.</summary>
    public static async Task<DataSetCounts> BuildAsync(SourceCache cache, CancellationToken cancellation, string folder)
    {
        string flags = await cache.NpmAsync("svg-country-flags", "1.2.10", cancellation);
        string drawings = Path.Combine(await cache.DebianAsync("openclipart-png", cancellation), ClipArt);
        SourceSet sources = Load(Path.Combine(flags, "png250px"), drawings);
        var split = new EntitySplit(sources, testOnly: true);
        var composer = new SceneComposer(sources);
        Directory.CreateDirectory(folder);
        foreach ((ulong stream, string name) in s_scenes)
        {
            Scene scene = composer.Compose(split.Test, SeededRandom.ForStream(Seed, stream));
            await File.WriteAllBytesAsync(Path.Combine(folder, $"{name}.jpg"),
                PictureCodec.EncodeJpeg(scene.Image, JpegQuality), cancellation);
        }

        int documents = KnowledgeBaseWriter.Write(sources, Path.Combine(folder, "kb"));
        return new DataSetCounts(new Dictionary<string, int> { ["pictures"] = s_scenes.Length }, documents);
    }

    private static SourceSet Load(string flags, string drawings)
    {
        var documents = new Dictionary<string, SideDocument>(StringComparer.Ordinal);
        return new SourceSet
        {
            Name = "samples",
            Entities = s_countries.Select(line => Country(line.Split('|'), flags, documents)).ToList(),
            Objects = s_objects.Select(line => line.Split('=')).Select(halves => new ObjectSource(
                halves[1].Split(',')[0], CommonSources.Cutout(Path.Combine(drawings, halves[0] + ".png")),
                halves[1].EndsWith('-') ? null : halves[1].Split(',')[1])).ToList(),
            Backgrounds = Enumerable.Range(0, DrawnBackground.Kinds).Select(DrawnBackground.Draw).ToList(),
            Documents = documents.Values.ToList(),
            NameQuestions = ["Which country does {ref} belong to?"],
            Unanswerable = ["Who is the president of the country of {ref}?"],
            Waves = true,
            Licences = [],
        };
    }

    private static EntitySource Country(string[] fields, string flags, Dictionary<string, SideDocument> documents)
    {
        var capital = new Fact(FlagFacts.Capital, fields[2]);
        var currency = new Fact(FlagFacts.Currency, fields[5]);
        var capitalDocument = new SideDocument($"capital:{fields[0]}", fields[2],
            [new Fact(FlagFacts.CallingCode, fields[9]), new Fact(FlagFacts.Domain, fields[10])]);
        documents.Add(capitalDocument.Id, capitalDocument);
        string currencyId = $"currency:{fields[11]}";
        documents.TryAdd(currencyId,
            new SideDocument(currencyId, fields[5], [new Fact(FlagFacts.CurrencyCode, fields[11])]));
        return new EntitySource
        {
            Id = $"flag:{fields[0]}", Name = fields[1], Label = "flag",
            Cutout = PictureCodec.DecodeRgba(PictureCodec.ReadFile(
                Path.Combine(flags, fields[0].ToLowerInvariant() + ".png"), PictureLimits.Default)),
            Facts =
            [
                capital, new Fact(FlagFacts.Continent, fields[3]), new Fact(FlagFacts.Subregion, fields[4]), currency,
                new Fact(FlagFacts.Language, fields[6], [fields[6], .. fields[6].Split(" and ")]),
                new Fact(FlagFacts.Area, $"{fields[7]} sq km", [$"{fields[7]} sq km", fields[7]]),
                new Fact(FlagFacts.Neighbours, fields[8]),
            ],
            Hops =
            [
                .. capitalDocument.Facts.Select(fact => new Hop(capital, capitalDocument, fact)),
                .. documents[currencyId].Facts.Select(fact => new Hop(currency, documents[currencyId], fact)),
            ],
        };
    }
}
