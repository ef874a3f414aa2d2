using System.Diagnostics;
using PixSearch.Abstractions;

namespace PixSearch.Gateway.Telemetry;

/// <summary>
/// Watches the events of one session go by and makes metrics and spans of them: one span for the session, one a search
/// turn, one a mask (OpenTelemetry's <c>gen_ai.*</c> conventions; what they lack is <c>pixsearch.*</c>).
/// </summary>
internal sealed class SessionObserver
{
    /// <summary>Name of the source of our spans.</summary>
    internal const string SourceName = "PixSearch.Gateway";

    private static readonly ActivitySource s_source = new(SourceName);

    private readonly GatewayMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly string _model;
    private readonly Activity? _span;
    private readonly bool _timed;
    private readonly long _start;
    private readonly Dictionary<int, (long Start, SearchModality Modality, Activity? Span)> _turns = [];
    private bool _sawText;
    private long _lastText;
    private bool _sawMask;

    /// <param name="metrics">Where times and counts go.</param>
    /// <param name="model">The model that answers.</param>
    /// <param name="session">The session.</param>
    /// <param name="span">Its span, from <see cref="StartSpan"/>; taken over.</param>
    /// <param name="time">Clock.</param>
    /// <param name="start">When the request came in.</param>
    internal SessionObserver(GatewayMetrics metrics, string model, string session, Activity? span, TimeProvider time,
        long start)
    {
        (_metrics, _time, _model, _span, _start, _timed) = (metrics, time, model, span, start, true);
        _span?.SetTag("gen_ai.conversation.id", session);
    }

    private SessionObserver(GatewayMetrics metrics, string session, TimeProvider time)
    {
        (_metrics, _time, _model) = (metrics, time, "unknown");
        _span = s_source.StartActivity("settle", ActivityKind.Internal)?.SetTag("gen_ai.conversation.id", session);
    }

    /// <summary>
    /// The span of a session, current until the caller's method ends, so that the engine's spans hang under it.
    /// </summary>
    internal static Activity? StartSpan(AnswerRequest request) => s_source
        .StartActivity($"chat {request.Model}", ActivityKind.Server)?
        .SetTag("gen_ai.operation.name", "chat").SetTag("gen_ai.provider.name", "pixsearch")
        .SetTag("gen_ai.request.model", request.Model).SetTag("gen_ai.request.max_tokens", request.Sampling.MaxTokens)
        .SetTag("gen_ai.request.temperature", request.Sampling.Temperature)
        .SetTag("pixsearch.search_mode", request.Mode.ToString().ToLowerInvariant());

    /// <summary>For a session of an earlier process: its tokens count, its times would be meaningless.</summary>
    internal static SessionObserver Silent(GatewayMetrics metrics, string session, TimeProvider time) =>
        new(metrics, session, time);

    internal void On(SessionEvent next)
    {
        switch (next)
        {
            case TextDelta:
                OnText();
                break;
            case SearchStarted search:
                Activity? span = Child($"search {GatewayMetrics.Word(search.Modality)}");
                span?.SetTag("gen_ai.operation.name", "execute_tool").SetTag("gen_ai.tool.name", "search")
                    .SetTag("pixsearch.search.turn", search.Turn);
                _lastText = 0;
                _turns[search.Turn] = (_time.GetTimestamp(), search.Modality, span);
                break;
            case Evidence evidence when _turns.Remove(evidence.Turn, out var turn):
                OnEvidence(evidence, turn);
                break;
            case MaskFound mask:
                OnMask(mask);
                break;
            case Usage usage:
                _metrics.Used(_model, usage);
                _span?.SetTag("gen_ai.usage.input_tokens",
                    usage.PromptTokens + usage.ImageTokens + usage.EvidenceTokens)
                    .SetTag("gen_ai.usage.output_tokens", usage.CompletionTokens);
                break;
            case Finished finished:
                _metrics.Finished(_model, finished.Reason);
                Record(_metrics.EndToEnd);
                _span?.SetTag("gen_ai.response.finish_reasons",
                    new[] { finished.Reason.ToString().ToLowerInvariant() });
                _span?.Dispose();
                break;
            case Failed failed:
                _metrics.Failed(_model, failed.Kind);
                _span?.SetTag("error.type", ErrorMap.Of(failed.Kind).Code);
                _span?.SetStatus(ActivityStatusCode.Error);
                _span?.Dispose();
                break;
        }
    }

    /// <summary>Gaps between texts count where nothing but decoding lies between: no search, no mask.</summary>
    private void OnText()
    {
        long now = _time.GetTimestamp();
        if (!_sawText)
        {
            _sawText = true;
            Record(_metrics.FirstToken);
        }
        else if (_timed && _lastText != 0)
        {
            _metrics.InterToken.Record(_time.GetElapsedTime(_lastText, now).TotalSeconds,
                GatewayMetrics.Label("model_name", _model));
        }

        _lastText = now;
    }

    private void OnEvidence(Evidence evidence, (long Start, SearchModality Modality, Activity? Span) turn)
    {
        _metrics.Searched(turn.Modality, evidence.Partial);
        if (_timed)
        {
            _metrics.SearchTurn.Record(_time.GetElapsedTime(turn.Start).TotalSeconds,
                GatewayMetrics.Label("modality", GatewayMetrics.Word(turn.Modality)));
        }

        turn.Span?.SetTag("pixsearch.search.hits", evidence.Hits.Count)
            .SetTag("pixsearch.search.partial", evidence.Partial);
        turn.Span?.Dispose();
    }

    private void OnMask(MaskFound mask)
    {
        _lastText = 0;
        using Activity? span = Child("mask");
        span?.SetTag("pixsearch.mask.id", mask.Id).SetTag("pixsearch.mask.score", mask.Score);
        if (!_sawMask)
        {
            _sawMask = true;
            Record(_metrics.FirstMask);
        }
    }

    private Activity? Child(string name) => _span is null
        ? null
        : s_source.StartActivity(name, ActivityKind.Internal, _span.Context);

    private void Record(System.Diagnostics.Metrics.Histogram<double> histogram)
    {
        if (_timed)
        {
            histogram.Record(_time.GetElapsedTime(_start).TotalSeconds, GatewayMetrics.Label("model_name", _model));
        }
    }
}
