using PixSearch.Abstractions;

namespace PixSearch.Inference.Engine;

/// <summary>
/// What keeping and what recomputing a paused session's pages wastes, in page-seconds (InferCept, ICML 2024, eq.
/// 1-3): keeping
/// wastes its pages for the rest of the search; recomputing wastes, for the time of the prefill, its pages as they
/// fill (half on
/// average) and the pages of everybody who waits for that step. Times are measured: exponential averages, weight 1/8.
/// </summary>
internal sealed class CostModel
{
    private const double Weight = 0.125;

    private readonly double[] _searchSeconds = [0.02, 0.02, 0.02];
    private double _rowsPerSecond = 2_000;
    private double _admissionSeconds;

    /// <summary>Expected length of a search.</summary>
    public double SearchSeconds(SearchModality modality) => _searchSeconds[(int)modality];

    /// <summary>Measured speed of prefill.</summary>
    public double RowsPerSecond => _rowsPerSecond;

    /// <summary>A search took this long.</summary>
    public void ObserveSearch(SearchModality modality, double seconds) =>
        _searchSeconds[(int)modality] += Weight * (seconds - _searchSeconds[(int)modality]);

    /// <summary>
    /// Expected wait behind this many waiting sessions: they are admitted at the pace measured while there was a queue
    /// (Little's law). Zero until a pace is known.
    /// </summary>
    public double QueueSeconds(int waiting) => waiting * _admissionSeconds;

    /// <summary>A session was admitted this long after the one before it, while others waited.</summary>
    public void ObserveAdmission(double seconds) =>
        _admissionSeconds += (_admissionSeconds == 0 ? 1 : Weight) * (seconds - _admissionSeconds);

    /// <summary>A step of this many rows took this long.</summary>
    public void ObserveStep(int rows, double seconds)
    {
        if (seconds > 0)
        {
            _rowsPerSecond += Weight * ((rows / seconds) - _rowsPerSecond);
        }
    }

    /// <summary>Waste of keeping minus waste of recomputing; above 0 the pages should go.</summary>
    /// <param name="modality">The search that is under way.</param>
    /// <param name="elapsedSeconds">How long it has run.</param>
    /// <param name="rows">Positions that would be computed again.</param>
    /// <param name="pages">Pages that the session holds.</param>
    /// <param name="pagesOthers">Pages of sessions that the recomputation would delay.</param>
    public double DropGain(SearchModality modality, double elapsedSeconds, int rows, int pages, int pagesOthers)
    {
        // A search that already ran longer than expected is expected to run as long again (memoryless with a heavy
        // tail).
        double rest = Math.Max(SearchSeconds(modality) - elapsedSeconds, elapsedSeconds);
        double prefill = rows / Math.Max(1, _rowsPerSecond);
        return (rest * pages) - (prefill * ((pages * 0.5) + pagesOthers));
    }
}
