namespace PixSearch.Evaluation;

/// <summary>
/// The mask half of MUSE (systems.md §5.3): predictions are matched to targets by BCE + dice, unmatched ones compare
/// with an empty mask. The half that asks a language model for a score is not part of this.
/// </summary>
public static class MuseScores
{
    /// <summary>
    /// Cost of a pair: mean binary cross-entropy of the logits plus dice loss <c>1 - (2 sum(pg) + 1) / (sum p + sum g +
    /// 1)</c>.
    /// </summary>
    /// <param name="logits">Prediction at the points of comparison.</param>
    /// <param name="target">0 or 1 at the same points.</param>
    public static double Cost(ReadOnlySpan<float> logits, ReadOnlySpan<float> target)
    {
        double entropy = 0;
        (double both, double predicted, double wanted) = (0, 0, 0);
        for (int i = 0; i < logits.Length; i++)
        {
            double x = logits[i];
            double p = 1 / (1 + Math.Exp(-x));

            // max(x,0) - x*g + log(1 + e^-|x|): no overflow for any x.
            entropy += Math.Max(x, 0) - (x * target[i]) + Math.Log(1 + Math.Exp(-Math.Abs(x)));
            both += p * target[i];
            predicted += p;
            wanted += target[i];
        }

        return (entropy / logits.Length) + (1 - (((2 * both) + 1) / (predicted + wanted + 1)));
    }

    /// <summary>
    /// Overlaps of one question: matched pairs, then unmatched targets (with an empty prediction) and unmatched
    /// predictions (with an empty target). There are <c>max(predictions, targets)</c> of them; gIoU and cIoU are those
    /// of <see cref="SegmentationScores"/>.
    /// </summary>
    /// <remarks>
    /// The released script compares unmatched predictions as raw logits, whose histogram drops most pixels; here they
    /// are thresholded at 0, so scores are slightly lower.
    /// </remarks>
    /// <param name="costs">Shape: [predictions, targets].</param>
    /// <param name="predictions">Thresholded masks, 0 or 1, all of one length.</param>
    /// <param name="targets">Reference masks, 0 or 1, of the same length.</param>
    public static IReadOnlyList<MaskOverlap> Overlaps(double[,] costs, IReadOnlyList<byte[]> predictions,
        IReadOnlyList<byte[]> targets)
    {
        var overlaps = new List<MaskOverlap>();
        var matchedPredictions = new HashSet<int>();
        var matchedTargets = new HashSet<int>();
        foreach ((int prediction, int target) in Assignment.Solve(costs))
        {
            overlaps.Add(MaskOverlap.Of(predictions[prediction], targets[target]));
            matchedPredictions.Add(prediction);
            matchedTargets.Add(target);
        }

        overlaps.AddRange(Alone(targets, matchedTargets));
        overlaps.AddRange(Alone(predictions, matchedPredictions));
        return overlaps;
    }

    private static IEnumerable<MaskOverlap> Alone(IReadOnlyList<byte[]> masks, HashSet<int> matched) =>
        Enumerable.Range(0, masks.Count).Where(i => !matched.Contains(i))
            .Select(i => new MaskOverlap(0, masks[i].Count(bit => bit == 1)));
}
