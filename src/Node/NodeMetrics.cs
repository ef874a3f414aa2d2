using System.Diagnostics.Metrics;
using PixSearch.Abstractions;
using PixSearch.Inference.Engine;

namespace PixSearch.Node;

/// <summary>
/// The engines' own counts as metrics, one series a model. Names that begin with <c>vllm.</c> mean what vLLM means by
/// them. Looking at an engine takes a turn of its thread, so the values are those of the last
/// <see cref="RefreshAsync"/>.
/// </summary>
public sealed class NodeMetrics : IDisposable
{
    private readonly Meter _meter = new("PixSearch.Node");
    private readonly EmbeddedNode _node;
    private volatile IReadOnlyList<(string Model, EngineStats Stats)> _last = [];

    /// <summary>Metrics of a node.</summary>
    public NodeMetrics(EmbeddedNode node)
    {
        _node = node;
        Gauge("vllm.num_requests_running", "Sessions that are computed.", static one => one.SessionsRunning);
        Gauge("vllm.num_requests_waiting", "Sessions that wait to be computed.", static one => one.SessionsWaiting);
        Gauge("vllm.kv_cache_usage_perc", "Share of pages that sessions hold, 0..1.",
            static one => one.PagesHeld / Math.Max(1.0, one.PagesHeld + one.PagesCached + one.PagesFree));
        Gauge("pixsearch.sessions.searching", "Sessions that wait for a search.", static one => one.SessionsSearching);
        Counter("vllm.num_preemptions", "Sessions whose pages were taken away.", static one => one.Preemptions);
        Counter("pixsearch.engine.steps", "Steps.", static one => one.Steps);
        Counter("pixsearch.engine.rows", "Rows that were computed.", static one => one.Rows);
        Counter("pixsearch.engine.rows_cached", "Rows that the prefix cache saved.", static one => one.RowsCached);
        Counter("pixsearch.engine.image_encodings", "Pictures that were encoded.", static one => one.ImageEncodings);
        Counter("pixsearch.engine.row_seconds", "Seconds spent on rows of the language model.", static one =>
            one.RowSeconds);
        Counter("pixsearch.engine.image_seconds", "Seconds spent on encoding pictures.", static one =>
            one.ImageSeconds);
        Counter("pixsearch.engine.mask_seconds", "Seconds spent on masks.", static one => one.MaskSeconds);
        Gauge("pixsearch.engine.image_references", "Picture encodings that sessions hold.", static one =>
            one.ImageReferences);
        Counter("pixsearch.engine.refused", "Sessions refused because the engine was full.", static one =>
            one.SessionsRefused);
    }

    /// <summary>Looks at every engine.</summary>
    public async Task RefreshAsync(CancellationToken cancellation)
    {
        var next = new List<(string, EngineStats)>();
        foreach (ServedModel model in _node.Models)
        {
            next.Add((model.Name, await _node.StatsAsync(model.Name).WaitAsync(cancellation).ConfigureAwait(false)));
        }

        _last = next;
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private void Gauge(string name, string description, Func<EngineStats, double> value) =>
        _meter.CreateObservableGauge(name, () => Measure(value), null, description);

    private void Counter(string name, string description, Func<EngineStats, double> value) =>
        _meter.CreateObservableCounter(name, () => Measure(value), null, description);

    private IEnumerable<Measurement<double>> Measure(Func<EngineStats, double> value) =>
        _last.Select(one => new Measurement<double>(
            value(one.Stats), new KeyValuePair<string, object?>("model_name", one.Model)));
}
