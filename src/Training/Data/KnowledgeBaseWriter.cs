using PixSearch.Imaging;
using PixSearch.Training.Data.Questions;

namespace PixSearch.Training.Data;

/// <summary>Writes the knowledge base: a document for every entity (with one clean picture) and for everything
/// else.</summary>
internal static class KnowledgeBaseWriter
{
    private const int PictureSideMax = 256;
    private static readonly Rgb s_ground = new(236, 236, 236);

    /// <summary>Writes <c>documents.jsonl</c> and <c>pictures/</c>; returns the number of documents.</summary>
    public static int Write(SourceSet sources, string folder)
    {
        string pictures = Path.Combine(folder, "pictures");
        if (Directory.Exists(pictures))
        {
            Directory.Delete(pictures, recursive: true);
        }

        Directory.CreateDirectory(pictures);
        var documents = new List<KbDocument>();
        foreach (EntitySource entity in sources.Entities)
        {
            string? picture = null;
            if (entity.Cutout is not null)
            {
                picture = $"pictures/{entity.Id.Replace(':', '-')}.jpg";
                File.WriteAllBytes(Path.Combine(folder, picture),
                    PictureCodec.EncodeJpeg(Canonical(entity.Cutout, framed: !sources.Waves)));
            }

            documents.Add(new KbDocument(entity.Id, entity.Name, Card.Of(entity).Text, picture, entity.Id));
        }

        documents.AddRange(sources.Documents.Select(
            document => new KbDocument(document.Id, document.Title, Card.Of(document).Text, null, null)));
        JsonLines.Write(documents, Path.Combine(folder, "documents.jsonl"));
        return documents.Count;
    }

    // A flag fills its picture; other things stand on light gray with a margin.
    private static RgbImage Canonical(RgbaImage cutout, bool framed)
    {
        double scale = Math.Min(1, (double)PictureSideMax / Math.Max(cutout.Width, cutout.Height));
        RgbaImage small = Resizer.Resize(cutout, Math.Max(1, (int)(cutout.Width * scale)),
            Math.Max(1, (int)(cutout.Height * scale)), Resampling.Bicubic);
        if (!framed)
        {
            return small.Over(Rgb.White);
        }

        int margin = Math.Max(small.Width, small.Height) / 20;
        var page = new RgbImage(small.Width + 2 * margin, small.Height + 2 * margin, s_ground);
        ImageOps.Paste(small, margin, margin, page);
        return page;
    }
}
