namespace PixSearch.Training.Data.Questions;

/// <summary>A question before it is given its number and scene.</summary>
internal sealed record Draft(string Kind, string Question, string Answer, IReadOnlyList<string> Variants,
    IReadOnlyList<int> Target, TrajectoryText Trajectory, bool Substituted = false)
{
    /// <summary>All text of it, to look for names.</summary>
    public string AllText => $"{Question} {Answer} {Trajectory}";
}
