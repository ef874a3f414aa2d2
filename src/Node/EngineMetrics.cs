using System.Diagnostics.Metrics;
using PixSearch.Inference.Engine;

namespace PixSearch.Node;

/// <summary>
/// The engines of a node as instruments of the meter <c>PixSearch.Engine</c>, labelled by model. Read from the snapshot that an
/// engine leaves every quarter of a second, so that a scrape never waits for a step. Names that begin with <c>vllm.</c> mean what
/// vLLM means by them.
/// </summary>
public sealed class EngineMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "PixSearch.Engine";

    private readonly Meter _meter = new(MeterName);
    private readonly IReadOnlyList<(string Model, Func<EngineStats> Stats)> _engines;

    /// <summary>Instruments over engines by model name.</summary>
    public EngineMetrics(IReadOnlyList<(string Model, Func<EngineStats> Stats)> engines)
    {
        _engines = engines;
        Gauge("vllm.num_requests_running", "{session}", "Sessions that are computed.", stats => stats.SessionsRunning);
        Gauge("vllm.num_requests_waiting", "{session}", "Sessions that wait to be computed.", stats => stats.SessionsWaiting);
        Gauge("pixsearch.sessions.searching", "{session}", "Sessions that wait for a search.", stats => stats.SessionsSearching);
        Gauge("pixsearch.kv.pages_held", "{page}", "Pages that sessions hold.", stats => stats.PagesHeld);
        Gauge("pixsearch.kv.pages_cached", "{page}", "Pages kept for equal beginnings.", stats => stats.PagesCached);
        Gauge("pixsearch.kv.pages_free", "{page}", "Empty pages.", stats => stats.PagesFree);
        _meter.CreateObservableGauge("vllm.kv_cache_usage_perc", () => Measure(Usage), "1", "Share of pages held, 0..1.");
        Count("pixsearch.engine.steps", "{step}", "Steps.", stats => stats.Steps);
        Count("pixsearch.engine.rows", "{row}", "Rows that were computed.", stats => stats.Rows);
        Count("vllm.prefix_cache_hits", "{row}", "Rows that the prefix cache saved.", stats => stats.RowsCached);
        Count("pixsearch.image_encodings", "{picture}", "Pictures that were encoded.", stats => stats.ImageEncodings);
        Count("vllm.num_preemptions", "{session}", "Sessions that lost their pages to others.", stats => stats.Preemptions);
        Count("pixsearch.engine.bisections", "{step}", "Steps that were halved because a sequence broke them.",
            stats => stats.Bisections);
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static double Usage(EngineStats stats)
    {
        int pages = stats.PagesFree + stats.PagesCached + stats.PagesHeld;
        return pages == 0 ? 0 : (double)stats.PagesHeld / pages;
    }

    private void Gauge(string name, string unit, string text, Func<EngineStats, long> value) =>
        _meter.CreateObservableGauge(name, () => Measure(value), unit, text);

    private void Count(string name, string unit, string text, Func<EngineStats, long> value) =>
        _meter.CreateObservableCounter(name, () => Measure(value), unit, text);

    private IEnumerable<Measurement<T>> Measure<T>(Func<EngineStats, T> value)
        where T : struct
    {
        foreach ((string model, Func<EngineStats> stats) in _engines)
        {
            yield return new Measurement<T>(value(stats()), new KeyValuePair<string, object?>("model_name", model));
        }
    }
}
