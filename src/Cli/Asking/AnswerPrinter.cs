using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Drawing;
using PixSearch.Imaging.Masks;

namespace PixSearch.Cli.Asking;

/// <summary>Shows the events of one answer as they come: text as it is written, each search with its hits, masks at
/// the end.</summary>
internal sealed class AnswerPrinter(TextWriter console, bool json)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly List<MaskFound> _masks = [];
    private bool _inLine;

    /// <summary>Masks so far.</summary>
    public IReadOnlyList<MaskFound> Masks => _masks;

    /// <summary>The last event, once it came.</summary>
    public SessionEvent? End { get; private set; }

    /// <summary>The text so far.</summary>
    public string Text { get; private set; } = "";

    /// <summary>Shows an event.</summary>
    public void Show(SessionEvent item)
    {
        End = item is Finished or Failed ? item : null;
        if (item is MaskFound mask)
        {
            _masks.Add(mask);
        }

        Text += (item as TextDelta)?.Text;
        if (json)
        {
            console.WriteLine(JsonSerializer.Serialize(item, s_json));
            console.Flush();
            return;
        }

        switch (item)
        {
            case TextDelta delta:
                console.Write(delta.Text);
                console.Flush();
                _inLine = true;
                break;
            case SearchStarted search:
                Line(Describe(search));
                break;
            case Evidence evidence:
                ShowEvidence(evidence);
                break;
            case Finished:
                ShowMasks();
                break;
            default:
                break;
        }
    }

    /// <summary>A copy of the picture with the masks drawn in.</summary>
    public RgbImage Draw(RgbImage picture) => MaskOverlay.Draw(picture,
        [.. _masks.Select((mask, i) => new OverlayMask(RleCodec.Decode(mask.Rle), Rgb.Distinct(i), mask.TextSpan))]);

    private void ShowEvidence(Evidence evidence)
    {
        foreach (EvidenceHit hit in evidence.Hits)
        {
            Line(string.Create(CultureInfo.InvariantCulture, $"    {hit.Score,7:0.000}  {hit.Title}: {hit.Snippet}"));
        }

        if (evidence.Hits.Count == 0)
        {
            Line("    nothing found");
        }

        if (evidence.Partial)
        {
            Line("    (partial: a part of the index did not answer in time)");
        }
    }

    private void ShowMasks()
    {
        Line("");
        foreach (MaskFound mask in _masks)
        {
            PixelBox box = mask.Box;
            Line(string.Create(CultureInfo.InvariantCulture,
                $"mask {mask.Id}  {mask.TextSpan}  box {box.X},{box.Y} {box.Width}x{box.Height}"
                + $"  score {mask.Score:0.00}"));
        }
    }

    private void Line(string text)
    {
        if (_inLine)
        {
            console.WriteLine();
            _inLine = false;
        }

        if (text.Length > 0)
        {
            console.WriteLine(text);
        }
    }

    private static string Describe(SearchStarted search)
    {
        string what = search.Modality switch
        {
            SearchModality.Text => $"text \"{search.Query}\"",
            SearchModality.Image => "the whole picture",
            _ when search.MaskId is { } mask => $"the region of mask {mask} (\"{search.Query}\")",
            _ => "the whole picture, for want of a mask",
        };
        return $"  search {search.Turn}: {what}";
    }
}
