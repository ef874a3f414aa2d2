using System.Globalization;
using PixSearch.Evaluation;
using Spectre.Console;

namespace PixSearch.Cli.Evaluating;

/// <summary>A report as tables in the terminal, laid out like Table 1 of the paper.</summary>
internal static class QaTables
{
    private static readonly string[] s_rows = ["overall", "ego", "non-ego", "needs search"];

    /// <summary>Prints all tables.</summary>
    public static void Print(IAnsiConsole console, QaReport report)
    {
        PrintScores(console, report);
        PrintKinds(console, report);
        foreach (QaRatio ratio in report.Ratios)
        {
            console.WriteLine($"{ratio.Name}: {Number(ratio.Ratio.Value, "0.00")} "
                + $"[{Number(ratio.Ratio.Low, "0.00")}, {Number(ratio.Ratio.High, "0.00")}]");
        }
    }

    private static void PrintScores(IAnsiConsole console, QaReport report)
    {
        Table table = new Table().Title("percent, ± half of the 95 % interval").Border(TableBorder.Rounded);
        table.AddColumns("mode", "questions", "n", "truthfulness", "accuracy", "missing", "hallucination", "searches",
            "region top-1",
            "text top-1", "mask IoU");
        foreach (string mode in report.Modes)
        {
            foreach (string row in s_rows)
            {
                QaGroup group = report.Groups.First(one => one.Mode == mode && one.Group == row);
                CragScores scores = group.Scores;
                table.AddRow(row == s_rows[0] ? mode : "", row, $"{scores.Count}", Short(scores.Truthfulness),
                    Short(scores.Accuracy), Short(scores.Missing), Short(scores.Hallucination),
                    Number(group.SearchesPerQuestion, "0.00"), Short(group.RegionTop1), Short(group.TextTop1),
                    Short(group.MaskIou));
            }

            int failed = report.Groups.First(one => one.Mode == mode && one.Group == s_rows[0]).Failed;
            if (failed > 0)
            {
                table.AddRow("", $"[red]{failed} failed[/]");
            }

            table.AddEmptyRow();
        }

        console.Write(table);
    }

    private static void PrintKinds(IAnsiConsole console, QaReport report)
    {
        string[] kinds = [.. report.Groups.Select(group => group.Group)
            .Where(name => name != "overall" && !name.Contains("ego", StringComparison.Ordinal)
            && name != "needs search").Distinct()];
        Table table = new Table().Title("accuracy / hallucination by kind, percent").Border(TableBorder.Rounded);
        table.AddColumn("mode");
        foreach (string kind in kinds)
        {
            table.AddColumn(Markup.Escape(kind));
        }

        foreach (string mode in report.Modes)
        {
            table.AddRow([mode, .. kinds.Select(kind =>
                report.Groups.FirstOrDefault(group => group.Mode == mode && group.Group == kind) is { } found
                    ? $"{Number(100 * found.Scores.Accuracy.Value, "0.0")} / "
                    + $"{Number(100 * found.Scores.Hallucination.Value, "0.0")}"
                        + $" ({found.Scores.Count})"
                    : "")]);
        }

        console.Write(table);
    }

    /// <summary>For example <c>61.2 (57.0-65.2)</c>; empty when there is no value.</summary>
    public static string Percent(Estimate estimate)
    {
        if (!double.IsFinite(estimate.Value))
        {
            return "";
        }

        string range = $"{Number(100 * estimate.Low, "0.0")}-{Number(100 * estimate.High, "0.0")}";
        return $"{Number(100 * estimate.Value, "0.0")} ({range})";
    }

    // Eleven columns leave no room for both ends of each interval; report.csv has them.
    private static string Short(Estimate estimate) => double.IsFinite(estimate.Value)
        ? $"{Number(100 * estimate.Value, "0.0")} ±{Number(100 * estimate.HalfWidth, "0.0")}"
        : "";

    private static string Number(double value, string format) =>
        double.IsFinite(value) ? value.ToString(format, CultureInfo.InvariantCulture) : "";
}
