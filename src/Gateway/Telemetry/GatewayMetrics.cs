using System.Diagnostics.Metrics;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Telemetry;

/// <summary>
/// What the gateway measures. Labels hold models, reasons and kinds only: never a tenant, a session or anything that a
/// caller chose, so the number of series is bounded. Names that begin with <c>vllm.</c> mean what vLLM means by them
/// (docs/serving.md).
/// </summary>
internal sealed class GatewayMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    internal const string MeterName = "PixSearch.Gateway";

    private static readonly InstrumentAdvice<double> s_seconds = new()
    {
        HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.5, 1, 2, 4, 8, 15, 30, 60, 120],
    };

    private readonly Meter _meter;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _finished;
    private readonly Counter<long> _failed;
    private readonly Counter<long> _promptTokens;
    private readonly Counter<long> _generationTokens;
    private readonly Counter<long> _imageTokens;
    private readonly Counter<long> _evidenceTokens;
    private readonly Counter<long> _masks;
    private readonly Counter<long> _searches;

    /// <param name="running">How many requests run now.</param>
    internal GatewayMetrics(Func<int> running)
    {
        _meter = new Meter(new MeterOptions(MeterName) { Scope = this });
        _refused = _meter.CreateCounter<long>("pixsearch.requests.refused", "{request}",
            "Requests that ended before a session began.");
        _finished = _meter.CreateCounter<long>("vllm.request_success", "{request}", "Sessions that finished.");
        _failed = _meter.CreateCounter<long>("pixsearch.requests.failed", "{request}", "Sessions that failed.");
        _promptTokens = _meter.CreateCounter<long>("vllm.prompt_tokens", "{token}", "Prompt and image tokens.");
        _generationTokens = _meter.CreateCounter<long>(
            "vllm.generation_tokens", "{token}", "Tokens that models wrote.");
        _imageTokens = _meter.CreateCounter<long>("pixsearch.image_tokens", "{token}", "Image tokens.");
        _evidenceTokens = _meter.CreateCounter<long>("pixsearch.evidence_tokens", "{token}", "Tokens of evidence.");
        _masks = _meter.CreateCounter<long>("pixsearch.masks", "{mask}", "Masks.");
        _searches = _meter.CreateCounter<long>("pixsearch.searches", "{search}", "Searches of sessions.");
        FirstToken = Seconds("vllm.time_to_first_token", "From the request to the first text.");
        InterToken = Seconds("vllm.inter_token_latency", "Between two texts with only decoding between them.");
        EndToEnd = Seconds("vllm.e2e_request_latency", "From the request to its last event.");
        FirstMask = Seconds("pixsearch.time_to_first_mask", "From the request to the first mask.");
        SearchTurn = Seconds("pixsearch.search_turn", "From a search to its evidence.");
        CancelSeconds = Seconds("pixsearch.cancel", "From a cancellation until everything is released.");
        _meter.CreateObservableGauge("pixsearch.requests.running", running, "{request}",
            "Requests and sessions that are not over.");
    }

    internal Histogram<double> FirstToken { get; }

    internal Histogram<double> InterToken { get; }

    internal Histogram<double> EndToEnd { get; }

    internal Histogram<double> FirstMask { get; }

    internal Histogram<double> SearchTurn { get; }

    internal Histogram<double> CancelSeconds { get; }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    /// <summary>A request ended before a session began.</summary>
    internal void Refused(PixErrorKind kind) => _refused.Add(1, Label("reason", ErrorMap.Of(kind).Code));

    internal void Searched(SearchModality modality, bool partial) =>
        _searches.Add(1, Label("modality", Word(modality)), Label("partial", partial ? "true" : "false"));

    internal void Used(string model, Usage usage)
    {
        var label = Label("model_name", model);
        _promptTokens.Add(usage.PromptTokens + usage.ImageTokens, label);
        _generationTokens.Add(usage.CompletionTokens, label);
        _imageTokens.Add(usage.ImageTokens, label);
        _evidenceTokens.Add(usage.EvidenceTokens, label);
        _masks.Add(usage.Masks, label);
    }

    internal void Finished(string model, FinishReason reason) =>
        _finished.Add(1, Label("model_name", model),
            Label("finished_reason", reason == FinishReason.Stop ? "stop" : "length"));

    internal void Failed(string model, PixErrorKind kind) =>
        _failed.Add(1, Label("model_name", model), Label("reason", ErrorMap.Of(kind).Code));

    internal static KeyValuePair<string, object?> Label(string name, string value) => new(name, value);

    internal static string Word(SearchModality modality) => modality switch
    {
        SearchModality.Text => "text",
        SearchModality.Image => "image",
        _ => "region",
    };

    private Histogram<double> Seconds(string name, string description) =>
        _meter.CreateHistogram(name, "s", description, advice: s_seconds);
}
