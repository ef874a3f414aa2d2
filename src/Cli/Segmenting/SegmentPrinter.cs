using System.Globalization;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Drawing;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Tasks;

namespace PixSearch.Cli.Segmenting;

/// <summary>Shows masks: as lines or JSON, as an overlay, as pictures of their own.</summary>
/// <param name="console">Where lines go.</param>
/// <param name="json">JSON instead of lines.</param>
/// <param name="overlay">File of the picture with its masks; null for none.</param>
/// <param name="folder">Folder for each mask as a picture; null for none.</param>
internal sealed class SegmentPrinter(TextWriter console, bool json, string? overlay, string? folder)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Writes all that was asked for.</summary>
    public void Print(SegmentationResult result, RgbImage picture)
    {
        if (overlay is not null)
        {
            OverlayMask[] overlays = [.. result.Targets.Select((target, i) =>
                new OverlayMask(target.Mask, Rgb.Distinct(i), LabelOf(target, i)))];
            OutputFile.Write(overlay, PictureCodec.EncodePng(MaskOverlay.Draw(picture, overlays)));
        }

        if (folder is not null)
        {
            for (int i = 0; i < result.Targets.Count; i++)
            {
                OutputFile.Write(Path.Combine(folder, MaskName(i)),
                    PictureCodec.EncodePng(Picture(result.Targets[i].Mask)));
            }
        }

        if (json)
        {
            console.WriteLine(JsonSerializer.Serialize(Describe(result, picture), s_json));
        }
        else
        {
            PrintLines(result);
        }
    }

    private static string MaskName(int index) => $"mask-{index + 1}.png";

    private static string LabelOf(SegmentedTarget target, int index) =>
        target.Phrase.Length > 0 ? target.Phrase : (index + 1).ToString(CultureInfo.InvariantCulture);

    private static RgbImage Picture(BinaryMask mask)
    {
        byte[] pixels = new byte[3 * mask.Width * mask.Height];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = mask.Bits[i / 3] != 0 ? byte.MaxValue : (byte)0;
        }

        return new RgbImage(mask.Width, mask.Height, pixels);
    }

    private object Describe(SegmentationResult result, RgbImage picture) => new
    {
        picture.Width,
        picture.Height,
        result.Answer,
        result.Notes,
        Masks = result.Targets.Select((target, i) => new
        {
            target.Phrase,
            target.Score,
            Bbox = (int[])[target.Mask.Box.X, target.Mask.Box.Y, target.Mask.Box.Width, target.Mask.Box.Height],
            target.Mask.Area,
            Segmentation = new { Size = (int[])[target.Rle.Height, target.Rle.Width], target.Rle.Counts },
            File = folder is null ? null : Path.Combine(folder, MaskName(i)),
        }),
    };

    private void PrintLines(SegmentationResult result)
    {
        if (result.Answer.Length > 0)
        {
            console.WriteLine(result.Answer);
        }

        for (int i = 0; i < result.Targets.Count; i++)
        {
            SegmentedTarget target = result.Targets[i];
            PixelBox box = target.Mask.Box;
            string score = target.Score.ToString("0.00", CultureInfo.InvariantCulture);
            console.WriteLine($"  [{LabelOf(target, i)}] {target.Mask.Area} pixels at "
                + $"{box.X},{box.Y},{box.Width},{box.Height}, score {score}");
        }

        foreach (string note in result.Notes.Concat(result.Targets.Count == 0 ? ["No masks."] : []))
        {
            console.WriteLine($"  {note}");
        }
    }
}
