namespace PixSearch.Evaluation;

/// <summary>
/// Scores of CRAG-MM (systems.md §5.1): with n questions, c correct, m missing: accuracy c/n, missing m/n,
/// hallucination (n-c-m)/n, truthfulness accuracy - hallucination.
/// </summary>
/// <remarks>
/// The starter kit gives truthfulness 0 when n is at most 1; here it is what the formula says, and NaN for n = 0.
/// </remarks>
/// <param name="Count">Number of questions.</param>
/// <param name="Truthfulness">-1..1; interval by bootstrap over scenes.</param>
/// <param name="Accuracy">0..1; Wilson's interval.</param>
/// <param name="Missing">0..1; Wilson's interval.</param>
/// <param name="Hallucination">0..1; Wilson's interval.</param>
public sealed record CragScores(int Count, Estimate Truthfulness, Estimate Accuracy, Estimate Missing,
    Estimate Hallucination)
{
    /// <summary>Scores verdicts, each with the scene that it belongs to.</summary>
    public static CragScores Of(IReadOnlyList<(Verdict Verdict, string Scene)> answers)
    {
        int correct = answers.Count(one => one.Verdict == Verdict.Correct);
        int missing = answers.Count(one => one.Verdict == Verdict.Missing);
        return new CragScores(answers.Count, Intervals.Bootstrap(answers, one => one.Scene, Truth),
            Intervals.Wilson(correct, answers.Count), Intervals.Wilson(missing, answers.Count),
            Intervals.Wilson(answers.Count - correct - missing, answers.Count));
    }

    private static double Truth(IReadOnlyList<(Verdict Verdict, string Scene)> answers)
    {
        int sum = 0;
        foreach ((Verdict verdict, _) in answers)
        {
            sum += (int)verdict - 1;
        }

        return answers.Count == 0 ? double.NaN : (double)sum / answers.Count;
    }
}
