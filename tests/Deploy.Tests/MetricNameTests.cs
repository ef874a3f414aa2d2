using System.Text.RegularExpressions;

namespace PixSearch.Deploy.Tests;

/// <summary>
/// Goal: the board, the alerts and the autoscaler ask for metrics that the code writes. Method: instruments are read
/// from the sources and named as the Prometheus writer names them.
/// </summary>
public sealed partial class MetricNameTests
{
    private static readonly HashSet<string> s_written = Written();

    [Fact]
    public void Board_Metrics_AreWritten() => AssertWritten("deploy/observability/pixsearch-board.json");

    [Fact]
    public void Alerts_Metrics_AreWritten() => AssertWritten("deploy/k8s/base/monitoring.yaml");

    [Fact]
    public void Autoscaler_Metric_IsWritten()
    {
        Node scaler = Manifests.Read("deploy/k8s/base/gateway.yaml")
            .Single(node => node.Kind == "HorizontalPodAutoscaler");
        string metric = scaler["spec"]["metrics"].Items.Single()["pods"]["metric"]["name"].Text;
        Assert.Contains(metric, s_written);
    }

    [Fact]
    public void Environment_SettingsInManifests_AreReadByTheCode()
    {
        string settings = File.ReadAllText(Path.Combine(Manifests.Root, "src/Silo/SiloSettings.cs"));
        string[] files =
        [
            "docker-compose.yml", "Dockerfile", .. Directory.EnumerateFiles(Path.Combine(Manifests.Root, "deploy"),
                "*.yaml", SearchOption.AllDirectories),
        ];
        string[] names =
        [
            .. files.SelectMany(file => Setting().Matches(File.ReadAllText(Path.Combine(Manifests.Root, file))))
                .Select(match => match.Groups[1].Value).Distinct(),
        ];
        Assert.InRange(names.Length, 8, 100);
        Assert.All(names, name => Assert.Matches($"\"(PIXSEARCH__)?{name}\"", settings));
    }

    private static void AssertWritten(string path)
    {
        string text = File.ReadAllText(Path.Combine(Manifests.Root, path));
        string[] used =
        [
            .. Expression().Matches(text).SelectMany(match => Metric().Matches(match.Value))
                .Select(match => Part().Replace(match.Value, "")).Distinct(),
        ];
        Assert.InRange(used.Length, 4, 100);
        Assert.Empty(used.Except(s_written));
    }

    private static HashSet<string> Written()
    {
        var names = new HashSet<string>();
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Manifests.Root, "src"), "*.cs",
            SearchOption.AllDirectories))
        {
            string text = File.ReadAllText(file);
            foreach (Match match in Instrument().Matches(text))
            {
                string kind = match.Groups[1].Value;
                string name = match.Groups[2].Value;
                bool vllm = name.StartsWith("vllm.", StringComparison.Ordinal);
                names.Add((vllm ? "vllm:" + name[5..] : name).Replace('.', '_')
                    + kind switch { "Counter" => "_total", "Seconds" => "_seconds", _ => "" });
            }

            names.UnionWith(Plain().Matches(text).Select(match => match.Groups[1].Value));
        }

        return names;
    }

    [GeneratedRegex(@"(Counter|Gauge|Seconds|Histogram)(?:<\w+>)?\(\s*""((?:vllm|pixsearch)\.[\w.]+)""")]
    private static partial Regex Instrument();

    [GeneratedRegex(@"# TYPE ([\w:]+) gauge")]
    private static partial Regex Plain();

    [GeneratedRegex(@"(?m)""?expr""?: .*$")]
    private static partial Regex Expression();

    [GeneratedRegex(@"\b(?:vllm:|pixsearch_)\w+")]
    private static partial Regex Metric();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Part();

    [GeneratedRegex(@"PIXSEARCH__([A-Z]+)")]
    private static partial Regex Setting();
}
