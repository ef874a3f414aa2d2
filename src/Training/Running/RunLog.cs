using System.Text.Json;
using System.Text.Json.Nodes;
using PixSearch.Imaging;
using PixSearch.Imaging.Drawing;

namespace PixSearch.Training.Running;

/// <summary>
/// <c>metrics.jsonl</c> (a line a step and an evaluation) and <c>curves.png</c> of a run, and the decaying means for
/// reports.
/// </summary>
internal sealed class RunLog : IDisposable
{
    // A mean over some 20 steps: smooth enough to read, quick enough to see a change.
    private const double MeanDecay = 0.95;

    private readonly string _folder;
    private readonly StreamWriter _file;
    private readonly Dictionary<string, (double Sum, double Weight)> _means = [];
    private double _lastSeconds = double.NaN;
    private (double Seconds, double Samples, double Steps) _rate;

    /// <summary>Opens the log of a folder; lines after <paramref name="keepSteps"/> are dropped, -1 drops
    /// all.</summary>
    public RunLog(string folder, long keepSteps)
    {
        _folder = folder;
        string path = Path.Combine(folder, "metrics.jsonl");
        string[] kept = keepSteps >= 0 && File.Exists(path)
            ? [.. File.ReadLines(path).Where(line => StepOf(line) <= keepSteps)]
            : [];
        _file = new StreamWriter(path, append: false) { AutoFlush = true };
        foreach (string line in kept)
        {
            _file.WriteLine(line);
        }
    }

    public double SamplesPerSecond => _rate.Seconds > 0 ? _rate.Samples / _rate.Seconds : 0;

    public double SecondsPerStep => _rate.Steps > 0 ? _rate.Seconds / _rate.Steps : 0;

    public IReadOnlyList<Metric> Means =>
        [.. _means.Select(pair => new Metric(pair.Key, pair.Value.Sum / pair.Value.Weight))];

    public void WriteStep(long step, string stage, double seconds, float rate, double norm, int samples,
        IReadOnlyList<Metric> metrics)
    {
        if (double.IsFinite(_lastSeconds))
        {
            _rate = ((_rate.Seconds * MeanDecay) + seconds - _lastSeconds, (_rate.Samples * MeanDecay) + samples,
                (_rate.Steps * MeanDecay) + 1);
        }

        _lastSeconds = seconds;
        var line = new JsonObject
        {
            ["step"] = step,
            ["stage"] = stage,
            ["seconds"] = Math.Round(seconds, 2),
            ["rate"] = rate,
            ["norm"] = double.IsFinite(norm) ? Math.Round(norm, 4) : null,
            ["samples"] = samples,
        };
        foreach (IGrouping<string, Metric> group in metrics.Where(metric => double.IsFinite(metric.Value))
                     .GroupBy(metric => metric.Name))
        {
            double mean = group.Average(metric => metric.Value);
            line[group.Key] = Math.Round(mean, 5);
            (double sum, double weight) = _means.GetValueOrDefault(group.Key);
            _means[group.Key] = ((sum * MeanDecay) + mean, (weight * MeanDecay) + 1);
        }

        _file.WriteLine(line.ToJsonString());
    }

    public void WriteEvaluation(long step, double seconds, IReadOnlyList<Metric> metrics)
    {
        // The time spent here must not count as training time of the next step.
        _lastSeconds = double.NaN;
        var line = new JsonObject { ["step"] = step, ["evaluation"] = true, ["seconds"] = Math.Round(seconds, 2) };
        foreach (Metric metric in metrics.Where(metric => double.IsFinite(metric.Value)))
        {
            line[metric.Name] = Math.Round(metric.Value, 5);
        }

        _file.WriteLine(line.ToJsonString());
    }

    /// <summary>Draws all losses and evaluations of the file as two charts, one above the other.</summary>
    public void WriteCurves()
    {
        _file.Flush();
        var losses = new Dictionary<string, List<(double, double)>>();
        var evaluations = new Dictionary<string, List<(double, double)>>();
        using (var stream = new FileStream(Path.Combine(_folder, "metrics.jsonl"), FileMode.Open, FileAccess.Read,
                   FileShare.ReadWrite))
        using (var reader = new StreamReader(stream))
        {
            while (reader.ReadLine() is { } text)
            {
                JsonObject line = JsonNode.Parse(text)!.AsObject();
                bool isEvaluation = line.ContainsKey("evaluation");
                double step = line["step"]!.GetValue<double>();
                string[] skipped = ["step", "stage", "seconds", "rate", "norm", "samples", "evaluation"];
                foreach ((string name, JsonNode? value) in line.Where(pair => !skipped.Contains(pair.Key)))
                {
                    Dictionary<string, List<(double, double)>> target = isEvaluation ? evaluations : losses;
                    target.TryAdd(name, []);
                    target[name].Add((step, value!.GetValue<double>()));
                }
            }
        }

        RgbImage upper = Chart.Lines("losses", Series(losses, smooth: true), "step");
        RgbImage lower = Chart.Lines("validation", Series(evaluations, smooth: false), "step");
        var both = new RgbImage(upper.Width, upper.Height + lower.Height, Rgb.White);
        upper.Pixels.CopyTo(both.Pixels);
        lower.Pixels.CopyTo(both.Pixels[upper.Pixels.Length..]);
        File.WriteAllBytes(Path.Combine(_folder, "curves.png"), PictureCodec.EncodePng(both));
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static List<ChartSeries> Series(Dictionary<string, List<(double X, double Y)>> lines, bool smooth)
    {
        var series = new List<ChartSeries>();
        foreach ((string name, List<(double X, double Y)> points) in lines)
        {
            double mean = points[0].Y;
            var drawn = new List<(double, double)>();
            foreach ((double x, double y) in points)
            {
                mean = smooth ? (MeanDecay * mean) + ((1 - MeanDecay) * y) : y;
                drawn.Add((x, mean));
            }

            series.Add(new ChartSeries(name, drawn));
        }

        return series;
    }

    private static long StepOf(string line)
    {
        try
        {
            return JsonNode.Parse(line)?["step"]?.GetValue<long>() ?? long.MaxValue;
        }
        catch (JsonException)
        {
            return long.MaxValue; // a line cut off by a crash
        }
    }
}
