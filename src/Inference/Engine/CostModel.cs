using PixSearch.Abstractions;

namespace PixSearch.Inference.Engine;

/// <summary>
/// What the engine has measured of itself, for those who decide about pages and queues: how long searches take, what a
/// row costs, how fast a queue moves, how much of its time goes unused while sessions wait for pages. Exponential
/// averages, weight 1/8 unless said otherwise.
/// </summary>
/// <remarks>
/// What rows cost is the slope of a line through the last steps (seconds over rows), not their mean rate: a step of a
/// few decoding rows takes nearly as long as one without them, and rows that are computed again ride along with it. The
/// mean rate of decoding steps would make a recomputation look ten times as dear as it is.
/// </remarks>
internal sealed class CostModel
{
    private const double Weight = 0.125;
    private const double SlopeWeight = 1.0 / 64;
    private const double UnusedMemorySeconds = 1;

    private readonly double[] _searchSeconds = [0.02, 0.02, 0.02];
    private double _rowsPerSecond = 2_000;
    private double _meanRows;
    private double _meanSeconds;
    private double _rowVariance;
    private double _covariance;
    private bool _stepped;
    private double _admissionSeconds;

    /// <summary>Expected length of a search.</summary>
    public double SearchSeconds(SearchModality modality) => _searchSeconds[(int)modality];

    /// <summary>Measured rows a second over all kinds of steps: how fast a queue of work shrinks.</summary>
    public double RowsPerSecond => _rowsPerSecond;

    /// <summary>What one more row adds to a step.</summary>
    public double SecondsPerRow
    {
        get
        {
            // Steps of one size say nothing about a slope: then the mean rate is all there is.
            double slope = _rowVariance > 1 ? _covariance / _rowVariance : 0;
            return slope > 0 ? slope : 1 / Math.Max(1, _rowsPerSecond);
        }
    }

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
        if (seconds <= 0)
        {
            return;
        }

        _rowsPerSecond += Weight * ((rows / seconds) - _rowsPerSecond);
        if (!_stepped)
        {
            (_meanRows, _meanSeconds, _stepped) = (rows, seconds, true);
            return;
        }

        // Exponentially weighted least squares; prompts are rare among steps, so the memory is longer.
        (double dx, double dy) = (rows - _meanRows, seconds - _meanSeconds);
        _meanRows += SlopeWeight * dx;
        _meanSeconds += SlopeWeight * dy;
        _rowVariance = (1 - SlopeWeight) * (_rowVariance + (SlopeWeight * dx * dx));
        _covariance = (1 - SlopeWeight) * (_covariance + (SlopeWeight * dx * dy));
    }

    /// <summary>
    /// Share of the engine's time in which nothing was computed while sessions competed for pages: the last second of
    /// such times counts most. What somebody could use who is let in now.
    /// </summary>
    public double UnusedShare { get; private set; }

    /// <summary>For so long sessions competed for pages, and the engine had or had not something to do.</summary>
    public void ObservePressure(double seconds, bool idle) =>
        UnusedShare += (1 - Math.Exp(-seconds / UnusedMemorySeconds)) * ((idle ? 1 : 0) - UnusedShare);

    /// <summary>
    /// Expected rest of a search that has run for this long. One that already ran longer than expected is expected
    /// to run as long again (a heavy tail).
    /// </summary>
    public double RestSeconds(SearchModality modality, double elapsedSeconds) =>
        Math.Max(SearchSeconds(modality) - elapsedSeconds, elapsedSeconds);
}
