namespace PixSearch.Evaluation;

/// <summary>Scores of one short answer, each 0..1.</summary>
public readonly record struct RelaxedScore(double ExactMatch, double Precision, double Recall, double F1);

/// <summary>
/// PLUM's relaxed metrics on token ids (systems.md §5.2): when the reference is a contiguous subsequence of the first m
/// ids of the prediction everything is 1; otherwise EM is 0 and precision, recall and F1 are those of the bags of ids.
/// </summary>
public static class RelaxedMatch
{
    /// <summary>Scores against one reference.</summary>
    /// <param name="prediction">Ids of the answer; the bags hold all of them.</param>
    /// <param name="reference">Ids of the reference.</param>
    /// <param name="prefix">m: ids of the prediction in which the reference may stand; the paper does not say how
    /// many.</param>
    public static RelaxedScore Score(ReadOnlySpan<int> prediction, ReadOnlySpan<int> reference,
        int prefix = int.MaxValue)
    {
        ReadOnlySpan<int> head = prediction[..Math.Min(prefix, prediction.Length)];
        if (!reference.IsEmpty && head.IndexOf(reference) >= 0)
        {
            return new RelaxedScore(1, 1, 1, 1);
        }

        var counts = new Dictionary<int, int>();
        foreach (int id in reference)
        {
            counts[id] = counts.GetValueOrDefault(id) + 1;
        }

        int overlap = 0;
        foreach (int id in prediction)
        {
            if (counts.GetValueOrDefault(id) > 0)
            {
                counts[id]--;
                overlap++;
            }
        }

        double precision = prediction.IsEmpty ? 0 : (double)overlap / prediction.Length;
        double recall = reference.IsEmpty ? 0 : (double)overlap / reference.Length;
        return new RelaxedScore(0, precision, recall, overlap == 0 ? 0 : 2 * precision * recall / (precision + recall));
    }

    /// <summary>
    /// Scores against several references: the best EM and the best F1 (with its precision and recall).
    /// </summary>
    public static RelaxedScore Best(ReadOnlySpan<int> prediction, IReadOnlyList<int[]> references,
        int prefix = int.MaxValue)
    {
        RelaxedScore best = default;
        foreach (int[] reference in references)
        {
            RelaxedScore score = Score(prediction, reference, prefix);
            best = score.F1 > best.F1 ? score : best;
        }

        return best;
    }
}
