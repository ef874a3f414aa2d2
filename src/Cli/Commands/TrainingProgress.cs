using System.Globalization;
using PixSearch.Training.Running;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary>Progress of a training run: a bar on a terminal, a line now and then in a log.</summary>
internal static class TrainingProgress
{
    private const double LogSeconds = 15;

    /// <summary>Runs the work and shows what it reports.</summary>
    public static void Show(Action<Action<TrainingReport>> subscribe, Action work)
    {
        if (!AnsiConsole.Profile.Capabilities.Interactive || Console.IsOutputRedirected)
        {
            var last = TimeProvider.System.GetTimestamp();
            bool first = true;
            subscribe(report =>
            {
                if (first || report.Evaluation is not null
                    || TimeProvider.System.GetElapsedTime(last).TotalSeconds > LogSeconds)
                {
                    first = false;
                    last = TimeProvider.System.GetTimestamp();
                    Console.WriteLine(Line(report));
                }
            });
            work();
            return;
        }

        AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn())
            .Start(context =>
            {
                ProgressTask bar = context.AddTask("training", maxValue: 1);
                subscribe(report =>
                {
                    bar.Value = report.Progress;
                    bar.Description = Markup.Escape(Line(report));
                });
                work();
            });
    }

    private static string Line(TrainingReport report)
    {
        string metrics = string.Join(' ', report.Metrics.Select(Text));
        string evaluation = report.Evaluation is null ? "" : "\n    " + string.Join(' ',
            report.Evaluation.Select(Text));
        return string.Create(CultureInfo.InvariantCulture,
            $"{report.Stage} {report.Step} {report.Progress:P0} rate {report.LearningRate:0.00e0} "
            + $"norm {report.GradientNorm:0.00} "
            + $"{report.SamplesPerSecond:0.0}/s left {report.TimeLeft:hh\\:mm\\:ss} {metrics}{evaluation}");
    }

    private static string Text(Metric metric) =>
        string.Create(CultureInfo.InvariantCulture, $"{metric.Name} {metric.Value:0.000}");
}
