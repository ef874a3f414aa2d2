using PixSearch.Imaging;

namespace PixSearch.Training.Data.Sources;

/// <summary>What both composed data sets use: photographs behind the scenes, and plain things in them.</summary>
internal static class CommonSources
{
    /// <summary>Question about the kind of a plain thing.</summary>
    public static readonly FactKind ThingKind = new("thing-kind", "kind {value}", ValueForm.Word,
        ["What kind of thing is {ref}?"], "Its kind is {value}.", "kind");

    private const string StampsFolder = "usr/share/tuxpaint/stamps";

    // Path = label, colour (or - when it has none or several).
    private static readonly string[] s_objects =
    [
        "hobbies/music/percussion/drum_tomtom_floor=drum,red", "hobbies/music/string/guitar_classical=guitar,-",
        "hobbies/music/string/guitar_electric=guitar,-", "hobbies/music/string/violin=violin,brown",
        "hobbies/music/brass/trumpet=trumpet,-", "hobbies/camera_35mm=camera,black", "hobbies/binoculars=binoculars,-",
        "household/dishes/teapot=teapot,black", "household/dishes/pitcher_small=jug,-", "household/dishes/mug=mug,gray",
        "household/tools/toolbox=toolbox,red", "household/tools/hammer=hammer,-", "household/tools/saw=saw,-",
        "household/tools/wrench=wrench,-", "household/kettle=kettle,-", "household/wheelie_bin=bin,green",
        "household/Lightbulb=light bulb,-", "household/cylinder=gas bottle,red", "household/toilet=toilet,white",
        "sports/basketball=basketball,orange", "sports/football=football,brown", "sports/tennis_ball=tennis ball,green",
        "sports/soccer=soccer ball,-", "sports/trophy_cup=trophy,-", "town/usps_mailbox=mailbox,blue",
        "town/uk_post_box=mailbox,red", "vehicles/auto/beetle=car,red", "vehicles/auto/sedan=car,blue",
        "vehicles/auto/sportscar2=car,pink",
        "vehicles/auto/truck=truck,-", "vehicles/emergency/firetruck=fire engine,red",
        "vehicles/masstransit/green_korean_bus=bus,green", "vehicles/flight/planes/747=airplane,-",
        "vehicles/flight/balloon360=balloon,-",
        "vehicles/ship/chineseJunk=boat,-", "vehicles/ship/walnutBoat=boat,brown",
        "vehicles/cycle/pink_tricycle=tricycle,pink", "vehicles/wheel_tractor=wheel,-",
        "clothes/hats/blue_fedora=hat,blue", "clothes/hats/green_fedora=hat,green", "clothes/hats/tophat=hat,black",
        "clothes/hats/sombrero=hat,orange", "clothes/button=button,pink",
    ];

    private static readonly string[] s_photographs =
    [
        "nature/Aqua.jpg", "nature/Blinds.jpg", "nature/Dune.jpg", "nature/FreshFlower.jpg", "nature/Garden.jpg",
        "nature/GreenMeadow.jpg", "nature/LadyBird.jpg", "nature/RainDrops.jpg", "nature/Storm.jpg",
        "nature/TwoWings.jpg", "nature/Wood.jpg", "nature/YellowFlower.jpg", "abstract/Elephants.jpg",
    ];

    /// <summary>Folder of Tux Paint's stamps.</summary>
    public static async Task<string> StampsAsync(SourceCache cache, CancellationToken cancellation) =>
        Path.Combine(await cache.DebianAsync("tuxpaint-stamps-default", cancellation), StampsFolder);

    /// <summary>Plain things.</summary>
    public static List<ObjectSource> Objects(string stamps) => s_objects.Select(line =>
    {
        string[] halves = line.Split('=');
        string[] words = halves[1].Split(',');
        return new ObjectSource(words[0], Cutout(Path.Combine(stamps, halves[0] + ".png")),
            words[1] == "-" ? null : words[1]);
    }).ToList();

    /// <summary>A stamp, cut to what is visible of it.</summary>
    public static RgbaImage Cutout(string path)
    {
        RgbaImage image = PictureCodec.DecodeRgba(PictureCodec.ReadFile(path, PictureLimits.Default));
        int left = image.Width, top = image.Height, right = 0, bottom = 0;
        for (int y = 0; y < image.Height; y++)
        {
            ReadOnlySpan<byte> row = image.Row(y);
            for (int x = 0; x < image.Width; x++)
            {
                if (row[x * 4 + 3] > 64)
                {
                    (left, right) = (Math.Min(left, x), Math.Max(right, x + 1));
                    (top, bottom) = (Math.Min(top, y), Math.Max(bottom, y + 1));
                }
            }
        }

        return ImageOps.Crop(image, new Abstractions.PixelBox(left, top, right - left, bottom - top));
    }

    /// <summary>Photographs, shrunk to what scenes need.</summary>
    public static async Task<List<RgbImage>> PhotographsAsync(SourceCache cache, CancellationToken cancellation)
    {
        string folder = Path.Combine(await cache.DebianAsync("mate-backgrounds", cancellation),
            "usr/share/backgrounds/mate");
        return s_photographs.AsParallel().AsOrdered().Select(name =>
        {
            RgbImage image = PictureCodec.DecodeFile(Path.Combine(folder, name));
            double scale = Math.Min(1, 900.0 / Math.Min(image.Width, image.Height));
            return Resizer.Resize(image, (int)(image.Width * scale), (int)(image.Height * scale), Resampling.Bilinear);
        }).ToList();
    }

    /// <summary>Documents about the plain things, by WordNet.</summary>
    public static List<SideDocument> ThingDocuments(IReadOnlyList<ObjectSource> objects, WordNet wordNet)
    {
        var documents = new List<SideDocument>();
        foreach (string label in objects.Select(thing => thing.Label).Distinct(StringComparer.Ordinal))
        {
            // 6: artefacts.
            WordNet.Synset? synset = wordNet.Find(label, [6]);
            if (synset?.Hypernym is { } above)
            {
                documents.Add(new SideDocument($"thing:{label.Replace(' ', '-')}", label,
                    [new Fact(ThingKind, wordNet.Read(above).Words[0])]));
            }
        }

        return documents;
    }

    /// <summary>Licences of the packages used here.</summary>
    public static IReadOnlyList<SourceLicence> Licences { get; } =
    [
        new("Debian tuxpaint-stamps-default", "2022.06.04", "GPL-2+"),
        new("Debian mate-backgrounds", "1.26.0", "GPL-2+ and CC-BY-SA-4.0"),
        new("Debian wordnet-base", "3.0", "WordNet (Princeton)"),
    ];
}
