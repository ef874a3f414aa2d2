using System.Globalization;
using System.Text;
using PixSearch.Imaging;
using PixSearch.Imaging.Drawing;

namespace PixSearch.Evaluation;

/// <summary>A report as files: a table for programs and a picture for people.</summary>
public static class QaReportFiles
{
    private static readonly string[] s_measures = ["truthfulness", "accuracy", "missing", "hallucination"];

    /// <summary>Comma-separated values, one line a mode and group; undefined values are empty.</summary>
    public static string ToCsv(QaReport report)
    {
        var text = new StringBuilder("mode,group,questions");
        foreach (string name in (string[])[.. s_measures, "region_top1", "text_top1", "mask_iou"])
        {
            text.Append(CultureInfo.InvariantCulture, $",{name},{name}_low,{name}_high");
        }

        text.Append(",searches_per_question,masks,failed\n");
        foreach (QaGroup group in report.Groups)
        {
            CragScores scores = group.Scores;
            text.Append(CultureInfo.InvariantCulture, $"{group.Mode},{group.Group},{scores.Count}");
            Estimate[] estimates =
            [
                scores.Truthfulness, scores.Accuracy, scores.Missing, scores.Hallucination, group.RegionTop1,
                group.TextTop1, group.MaskIou,
            ];
            foreach (Estimate one in estimates)
            {
                text.Append(',').Append(Number(one.Value)).Append(',').Append(Number(one.Low)).Append(',')
                    .Append(Number(one.High));
            }

            text.Append(CultureInfo.InvariantCulture,
                $",{Number(group.SearchesPerQuestion)},{group.MaskCount},{group.Failed}\n");
        }

        return text.ToString();
    }

    /// <summary>Bars of the four measures of each mode, overall, with their 95 % intervals.</summary>
    public static RgbImage ToPicture(QaReport report, string title)
    {
        ChartGroup[] groups = [.. report.Groups.Where(group => group.Group == "overall").Select(group =>
        {
            Estimate[] values = [group.Scores.Truthfulness, group.Scores.Accuracy, group.Scores.Missing,
                group.Scores.Hallucination];
            return new ChartGroup(group.Mode, [.. values.Select(one => one.Value)],
                [.. values.Select(one => one.HalfWidth)]);
        })];
        return Chart.Bars(title, s_measures, groups);
    }

    /// <summary>Writes <c>report.csv</c> and <c>report.png</c> into a folder.</summary>
    public static void Write(QaReport report, string title, string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "report.csv"), ToCsv(report));
        File.WriteAllBytes(Path.Combine(folder, "report.png"), PictureCodec.EncodePng(ToPicture(report, title)));
    }

    private static string Number(double value) =>
        double.IsFinite(value) ? value.ToString("0.####", CultureInfo.InvariantCulture) : "";
}
