using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Training.Data.Questions;
using PixSearch.Training.Data.Scenes;

namespace PixSearch.Training.Data.Sources;

/// <summary>
/// The data set "monuments": 49 whole photographs of monuments (GCompris), for a realism check. There is a test split
/// only. The knowledge base shows each photograph as it is; the questions show other cuts of it in other light.
/// </summary>
public static class MonumentSources
{
    private const string Resource = "usr/share/gcompris-qt/rcc/explore_monuments.rcc";
    private const string Pictures = "/explore_monuments/resource/";
    private const int CutsEach = 3;
    private const int SideMax = 512;

    private static readonly FactKind s_place = new("place", "place {value}", ValueForm.Name,
    [
        "Where is {ref}?", "In which place does {ref} stand?", "What is the place of {ref}?",
    ], "Its place is {value}.", "place");

    private static readonly FactKind s_country = new("country", "country {value}", ValueForm.Name,
    [
        "In which country is {ref}?", "Which country does {ref} stand in?", "What is the country of {ref}?",
    ], "Its country is {value}.", "country");

    private static readonly FactKind s_capital = new("capital", "capital {value}", ValueForm.Name,
    [
        "What is the capital of the country of {ref}?", "Name the capital of the country where {ref} stands.",
    ], "The capital is {value}.", "capital");

    // File = name, place, country.
    private static readonly string[] s_monuments =
    [
        "egypt/bentPyramid=Bent Pyramid,Dahshur,Egypt",
        "egypt/greatPyramidOfGiza=Great Pyramid,Giza,Egypt",
        "egypt/meidumPyramid=Meidum Pyramid,Meidum,Egypt",
        "egypt/redPyramid=Red Pyramid,Dahshur,Egypt",
        "france/arlesAmphitheater=Roman Amphitheatre,Arles,France",
        "france/chateaudeChambord=Chateau de Chambord,Chambord,France",
        "france/chateaudeChenonceau=Chateau de Chenonceau,Chenonceaux,France",
        "france/citedeCarcassonne=Cite de Carcassonne,Carcassonne,France",
        "france/eiffelTower=Eiffel Tower,Paris,France",
        "france/montStMichel=Mont Saint Michel,Normandy,France",
        "france/palaisdesPapes=Palais des Papes,Avignon,France",
        "france/pontduGard=Pont du Gard,Vers-Pont-du-Gard,France",
        "france/reimsCathedral=Reims Cathedral,Reims,France",
        "france/rocamadour=Rocamadour,Lot,France",
        "germany/aulaPalatina=Aula Palatina,Trier,Germany",
        "germany/berlinCathedral=Berlin Cathedral,Berlin,Germany",
        "germany/brandenburgGate=Brandenburg Gate,Berlin,Germany",
        "germany/neuschwansteinCastle=Neuschwanstein Castle,Schwangau,Germany",
        "germany/schwerinPalace=Schwerin Palace,Schwerin,Germany",
        "germany/trierImperialBaths=Imperial Baths,Trier,Germany",
        "germany/wormsCathedral=Worms Cathedral,Worms,Germany",
        "india/ajantaCave=Ajanta Caves,Maharashtra,India",
        "india/charminar=Charminar,Hyderabad,India",
        "india/gatewayofIndia=Gateway of India,Mumbai,India",
        "india/goldenTemple=Golden Temple,Amritsar,India",
        "india/greatStupa=Great Stupa,Sanchi,India",
        "india/hawaMahal=Hawa Mahal,Jaipur,India",
        "india/konarkSunTemple=Konark Sun Temple,Konark,India",
        "india/mysorePalace=Mysore Palace,Mysore,India",
        "india/qutubMinar=Qutub Minar,Delhi,India",
        "india/rangGhar=Rang Ghar,Sivasagar,India",
        "india/victoriaMemorial=Victoria Memorial,Kolkata,India",
        "usa/cabrillo=Cabrillo Monument,San Diego,United States",
        "usa/canyondeChelly=Canyon de Chelly,Arizona,United States",
        "usa/castillodeSanMarcos=Castillo de San Marcos,Florida,United States",
        "usa/castleClinton=Castle Clinton,Manhattan,United States",
        "usa/fortSumter=Fort Sumter,Charleston,United States",
        "usa/georgeWashingtonBirthplace=George Washington Birthplace,Virginia,United States",
        "usa/lincolnMemorial=Lincoln Memorial,Washington DC,United States",
        "usa/mountRushmore=Mount Rushmore,South Dakota,United States",
        "usa/navajo=Navajo Monument,Arizona,United States",
        "usa/statueofLiberty=Statue of Liberty,New York,United States",
        "wonders/chichenItza=Chichen Itza,Yucatan,Mexico",
        "wonders/christTheRedeemer=Christ the Redeemer,Rio de Janeiro,Brazil",
        "wonders/colosseum=Colosseum,Rome,Italy",
        "wonders/greatWallofChina=Great Wall,Badaling,China",
        "wonders/machuPicchu=Machu Picchu,Cusco,Peru",
        "wonders/petra=Petra,Ma'an,Jordan",
        "wonders/tajMahal=Taj Mahal,Agra,India",
    ];

    private static readonly string[] s_capitals =
    [
        "Egypt=Cairo", "France=Paris", "Germany=Berlin", "India=New Delhi", "United States=Washington DC",
        "Mexico=Mexico City", "Brazil=Brasilia", "Italy=Rome", "China=Beijing", "Peru=Lima", "Jordan=Amman",
    ];

    /// <summary>Fetches the photographs and writes the set.</summary>
    /// <param name="cache">Where the package is kept.</param>
    /// <param name="seed">Equal seeds give equal bytes.</param>
    /// <param name="cancellation">Ends the fetch.</param>
    /// <param name="folder">Output.</param>
    public static async Task<DataSetCounts> BuildAsync(SourceCache cache, ulong seed, CancellationToken cancellation,
        string folder)
    {
        string root = await cache.DebianAsync("gcompris-qt-data", cancellation);
        Dictionary<string, byte[]> files =
            QtResourceFile.Read(await File.ReadAllBytesAsync(Path.Combine(root, Resource), cancellation));
        SourceSet sources = Load(files);
        return DataSetBuilder.BuildWhole(sources, seed, CutsEach, Cut, folder);
    }

    private static SourceSet Load(Dictionary<string, byte[]> files)
    {
        List<SideDocument> countries = s_capitals.Select(line => line.Split('='))
            .Select(pair => new SideDocument($"country:{pair[0].Replace(' ', '-')}", pair[0],
                [new Fact(s_capital, pair[1])]))
            .ToList();
        return new SourceSet
        {
            Name = "monuments",
            Entities = s_monuments.Select(line => Entity(line, files, countries)).ToList(),
            Objects = [],
            Backgrounds = [],
            Documents = countries,
            NameQuestions = ["What is {ref} called?", "What is the name of {ref}?"],
            Unanswerable = ["How many people visit {ref} in a year?", "What is the price of a ticket to {ref}?"],
            Licences = [new SourceLicence("Debian gcompris-qt-data", "3.1",
                "GPL-3+; each photograph CC0, public domain or CC-BY-SA-4.0 as the README in its resource file says")],
        };
    }

    private static EntitySource Entity(string line, Dictionary<string, byte[]> files, List<SideDocument> countries)
    {
        string[] halves = line.Split('=');
        string[] facts = halves[1].Split(',');
        string path = files.Keys.Single(
            key => key.EndsWith($"{Pictures}{halves[0]}.webp", StringComparison.Ordinal));
        var country = new Fact(s_country, facts[2]);
        SideDocument document = countries.Single(candidate => candidate.Title == facts[2]);
        return new EntitySource
        {
            Id = $"monument:{halves[0].Split('/')[^1]}", Name = facts[0], Label = "monument",
            Cutout = PictureCodec.DecodeRgba(files[path]), Facts = [new Fact(s_place, facts[1]), country],
            Hops = [new Hop(country, document, document.Facts[0])],
        };
    }

    // 70 to 100 % of the photograph, in other light; nothing is cut out, so the mask is the whole picture.
    private static Scene Cut(EntitySource entity, SeededRandom random)
    {
        RgbImage photograph = entity.Cutout!.Over(Rgb.White);
        double share = random.NextDouble(0.7, 1);
        int width = (int)(photograph.Width * share), height = (int)(photograph.Height * share);
        RgbImage cut = ImageOps.Crop(photograph, new PixelBox(random.NextInt(photograph.Width - width + 1),
            random.NextInt(photograph.Height - height + 1), width, height));
        double scale = Math.Min(1, (double)SideMax / Math.Max(width, height));
        RgbImage image = Resizer.Resize(cut, (int)(width * scale), (int)(height * scale), Resampling.Bicubic);
        double light = random.NextDouble(0.75, 1.2);
        foreach (ref byte value in image.Pixels)
        {
            value = (byte)Math.Min(255, value * light);
        }

        var mask = new BinaryMask(image.Width, image.Height);
        mask.Bits.Fill(1);
        return new Scene(image, SceneView.Full,
            [new SceneThing(entity.Id, entity.Name, entity.Label, null, entity, mask)]);
    }
}
