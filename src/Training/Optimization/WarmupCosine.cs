namespace PixSearch.Training.Optimization;

/// <summary>
/// Learning rate by progress: linear from 0 to the peak during warm-up, then half a cosine down to a floor. Progress is
/// a fraction, so that a run limited by steps and one limited by minutes share the shape.
/// </summary>
/// <param name="Peak">Highest rate.</param>
/// <param name="WarmupFraction">Share of the run spent warming up, 0..1.</param>
/// <param name="FloorFraction">Rate at the end as a share of the peak.</param>
public sealed record WarmupCosine(float Peak, float WarmupFraction, float FloorFraction = 0.02f)
{
    /// <summary>Rate at a progress of 0 (start) to 1 (end; beyond counts as 1).</summary>
    public float RateAt(double progress)
    {
        double p = Math.Clamp(progress, 0, 1);
        if (p < WarmupFraction)
        {
            return (float)(Peak * p / WarmupFraction);
        }

        double down = WarmupFraction >= 1 ? 1 : (p - WarmupFraction) / (1 - WarmupFraction);
        double cosine = 0.5 * (1 + Math.Cos(Math.PI * down));
        return (float)(Peak * (FloorFraction + ((1 - FloorFraction) * cosine)));
    }
}
