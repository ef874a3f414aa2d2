namespace PixSearch.Evaluation;

/// <summary>Overall score of Pixel-SAIL's PerBench (systems.md §5.4).</summary>
public static class PerBench
{
    /// <summary><c>(METEOR + accuracy + (cIoU + gIoU) / 2) / 3</c>, all on a scale of 0..100.</summary>
    public static double Overall(double meteor, double accuracy, double cumulativeIou, double generalizedIou) =>
        (meteor + accuracy + ((cumulativeIou + generalizedIou) / 2)) / 3;

    /// <summary>A multiple-choice answer is right when it contains the reference as it is written.</summary>
    public static bool IsChoiceCorrect(string prediction, string reference) =>
        prediction.Contains(reference, StringComparison.Ordinal);
}
