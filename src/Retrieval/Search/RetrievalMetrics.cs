using System.Diagnostics.Metrics;

namespace PixSearch.Retrieval;

/// <summary>Counters of the retrieval system, under the meter <c>PixSearch.Retrieval</c>.</summary>
internal static class RetrievalMetrics
{
    private static readonly Meter s_meter = new("PixSearch.Retrieval");

    /// <summary>Queries by modality and outcome (<c>ok</c>, <c>partial</c>, <c>cached</c>).</summary>
    public static Counter<long> Queries { get; } =
        s_meter.CreateCounter<long>("pixsearch.retrieval.queries", "{query}");

    /// <summary>Legs that failed or were late, by modality.</summary>
    public static Counter<long> LegsLost { get; } =
        s_meter.CreateCounter<long>("pixsearch.retrieval.legs_lost", "{leg}");

    /// <summary>Time of a query in seconds, by modality.</summary>
    public static Histogram<double> Duration { get; } =
        s_meter.CreateHistogram<double>("pixsearch.retrieval.duration", "s");
}
