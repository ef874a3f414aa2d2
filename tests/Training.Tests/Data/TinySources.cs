using PixSearch.Imaging;
using PixSearch.Training.Data;

namespace PixSearch.Training.Tests.Data;

/// <summary>A source set that is drawn here: 20 striped cloths with invented facts, three plain things, two
/// backgrounds.</summary>
internal static class TinySources
{
    private static readonly FactKind s_capital = new("capital", "capital {value}", ValueForm.Name,
        ["What is the capital of the country of {ref}?"], "Its capital is {value}.", "capital");

    private static readonly FactKind s_money = new("money", "money {value}", ValueForm.Name,
        ["Which money is used in the country of {ref}?"], "Its money is {value}.", "money");

    private static readonly FactKind s_area = new("area", "area {value}", ValueForm.Number,
        ["How large is the country of {ref}?"], "Its area is {value}.", "area");

    private static readonly FactKind s_dial = new("dial", "calling code {value}", ValueForm.Number,
        ["What is the calling code of the capital of the country of {ref}?"], "The calling code is {value}.",
        "calling code");

    private static readonly string[] s_names =
    [
        "Adara", "Belmor", "Cintra", "Dorvan", "Elbira", "Fandor", "Gresk", "Hulen", "Istria Minor", "Jorvel",
        "Kestren", "Lumara", "Morvik", "Nestos", "Orvalia", "Pendel", "Questra", "Rovania", "Sunder Bay", "Tavros",
    ];

    public static SourceSet Create()
    {
        var documents = new List<SideDocument>();
        var entities = new List<EntitySource>();
        for (int i = 0; i < s_names.Length; i++)
        {
            // "Morvik dollar" is the money of Adara: Morvik must stay in training.
            var capital = new Fact(s_capital, $"Port {(char)('A' + i)}elo{(char)('a' + i)}");
            var document = new SideDocument($"capital:{i}", capital.Value, [new Fact(s_dial, $"{100 + i}")]);
            documents.Add(document);
            entities.Add(new EntitySource
            {
                Id = $"cloth:{i:D2}", Name = s_names[i], Label = "cloth", Cutout = Stripes(i),
                Facts = [capital, new Fact(s_money, i == 0 ? "Morvik dollar" : $"{(char)('k' + i % 9)}oran"),
                    new Fact(s_area, $"{1000 + 37 * i} sq km", [$"{1000 + 37 * i} sq km", $"{1000 + 37 * i}"])],
                Hops = [new Hop(capital, document, document.Facts[0])],
            });
        }

        return new SourceSet
        {
            Name = "tiny",
            Entities = entities,
            Objects =
            [
                new ObjectSource("ball", Disc(new Rgb(220, 40, 30)), "red"),
                new ObjectSource("box", Plain(new Rgb(20, 60, 200)), "blue"),
                new ObjectSource("plate", Disc(new Rgb(240, 240, 240)), "white"),
            ],
            Backgrounds = [Gradient(1), Gradient(2)],
            Documents = documents,
            NameQuestions = ["Which country does {ref} belong to?"],
            Unanswerable = ["Who rules the country of {ref}?"],
            Waves = true,
            Licences = [new SourceLicence("drawn by the test", "1", "MIT")],
        };
    }

    private static RgbaImage Stripes(int seed)
    {
        var image = new RgbaImage(120, 80);
        for (int y = 0; y < 80; y++)
        {
            for (int x = 0; x < 120; x++)
            {
                Rgb colour = Rgb.Distinct(seed + (seed % 2 == 0 ? x / 40 : y / 27) * (1 + seed / 4));
                Span<byte> pixel = image.Row(y).Slice(x * 4, 4);
                (pixel[0], pixel[1], pixel[2], pixel[3]) = (colour.R, colour.G, colour.B, 255);
            }
        }

        return image;
    }

    private static RgbaImage Disc(Rgb colour)
    {
        RgbaImage image = Plain(colour);
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++)
            {
                bool inside = (x - 39.5) * (x - 39.5) + (y - 39.5) * (y - 39.5) < 38 * 38;
                image.Row(y)[x * 4 + 3] = inside ? (byte)255 : (byte)0;
            }
        }

        return image;
    }

    private static RgbaImage Plain(Rgb colour) => RgbaImage.From(new RgbImage(80, 80, colour));

    private static RgbImage Gradient(int seed)
    {
        var image = new RgbImage(500, 420, Rgb.Black);
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++)
            {
                image[x, y] = new Rgb((byte)(x / 2), (byte)(y / 2 + seed * 20), (byte)((x + y) / 4));
            }
        }

        return image;
    }
}
