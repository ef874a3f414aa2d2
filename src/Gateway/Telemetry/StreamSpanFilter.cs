using System.Diagnostics;
using OpenTelemetry;

namespace PixSearch.Gateway.Telemetry;

/// <summary>
/// Keeps the calls by which Orleans moves a stream on out of traces: one for each token, on both sides, which say
/// nothing that the session's own spans do not.
/// </summary>
internal sealed class StreamSpanFilter : BaseProcessor<Activity>
{
    private const string OrleansSource = "Microsoft.Orleans.Application";
    private const string Stream = "IAsyncEnumerableGrainExtension";

    /// <inheritdoc/>
    public override void OnEnd(Activity data)
    {
        if (data.Source.Name == OrleansSource && data.DisplayName.Contains(Stream, StringComparison.Ordinal))
        {
            data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        }
    }
}
