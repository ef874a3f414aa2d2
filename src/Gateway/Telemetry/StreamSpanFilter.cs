using System.Diagnostics;
using OpenTelemetry;

namespace PixSearch.Gateway.Telemetry;

/// <summary>
/// Keeps the calls by which a cluster moves events on out of traces: one for each step of an engine, on both sides,
/// which say nothing that the sessions' own spans do not.
/// </summary>
internal sealed class StreamSpanFilter : BaseProcessor<Activity>
{
    private const string OrleansSource = "Microsoft.Orleans.Application";
    private const string Feed = "IModelGrain/NextAsync";

    /// <inheritdoc/>
    public override void OnEnd(Activity data)
    {
        if (data.Source.Name == OrleansSource && data.DisplayName.Contains(Feed, StringComparison.Ordinal))
        {
            data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        }
    }
}
