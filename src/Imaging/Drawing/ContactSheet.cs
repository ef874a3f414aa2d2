namespace PixSearch.Imaging.Drawing;

/// <summary>Many pictures with a caption each, on one page.</summary>
public static class ContactSheet
{
    private const int Gap = 8;
    private const int LineHeight = 10;

    /// <summary>Lays out pictures in rows.</summary>
    /// <param name="pictures">Picture and caption; captions are wrapped to at most <paramref name="captionLines"/>
    /// lines.</param>
    /// <param name="columns">Pictures a row.</param>
    /// <param name="cell">Side of a picture on the page in pixels; larger pictures are shrunk.</param>
    /// <param name="captionLines">Lines kept free under each picture.</param>
    public static RgbImage Draw(IReadOnlyList<(RgbImage Picture, string Caption)> pictures, int columns, int cell,
        int captionLines)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        int rows = Math.Max(1, (pictures.Count + columns - 1) / columns);
        int rowHeight = cell + captionLines * LineHeight + 2 * Gap;
        var page = new RgbImage(columns * (cell + Gap) + Gap, rows * rowHeight + Gap, Rgb.White);
        for (int i = 0; i < pictures.Count; i++)
        {
            int x = Gap + i % columns * (cell + Gap);
            int y = Gap + i / columns * rowHeight;
            RgbImage picture = Fit(pictures[i].Picture, cell);
            ImageOps.Paste(picture, x + (cell - picture.Width) / 2, y + (cell - picture.Height) / 2, page);
            string[] lines = Wrap(pictures[i].Caption, (cell + 1) / BitmapFont.Advance).Take(captionLines).ToArray();
            for (int line = 0; line < lines.Length; line++)
            {
                Canvas.Text(page, lines[line], x, y + cell + 4 + line * LineHeight, Rgb.Black);
            }
        }

        return page;
    }

    private static RgbImage Fit(RgbImage image, int cell)
    {
        double scale = (double)cell / Math.Max(image.Width, image.Height);
        return scale >= 1
            ? image
            : Resizer.Resize(image, Math.Max(1, (int)(image.Width * scale)), Math.Max(1, (int)(image.Height * scale)),
                Resampling.Bilinear);
    }

    private static IEnumerable<string> Wrap(string text, int charactersMax)
    {
        foreach (string paragraph in text.Split('\n'))
        {
            string rest = paragraph;
            while (rest.Length > charactersMax)
            {
                int cut = rest.LastIndexOf(' ', charactersMax - 1);
                cut = cut <= 0 ? charactersMax : cut;
                yield return rest[..cut];
                rest = rest[cut..].TrimStart();
            }

            yield return rest;
        }
    }
}
