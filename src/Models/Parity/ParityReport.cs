namespace PixSearch.Models.Parity;

/// <summary>How far one computed output is from the reference.</summary>
/// <param name="Output">Name of the tensor in the file, for example <c>test.logits</c>.</param>
/// <param name="Path">How it was computed, for example <c>cached</c>.</param>
/// <param name="Error">Largest absolute difference; infinite when a number is not finite. For ids: how many
/// differ.</param>
public sealed record ParityResult(string Output, string Path, float Error);

/// <summary>All results of one file of reference tensors.</summary>
public sealed record ParityReport(string Kind, IReadOnlyList<ParityResult> Results)
{
    /// <summary>The tolerance that <c>shared/fixtures</c> asks for.</summary>
    public const float Tolerance = 1e-4f;

    /// <summary>The largest error of all outputs.</summary>
    public float ErrorMax => Results.Max(result => result.Error);

    /// <summary>True when every output is within the tolerance.</summary>
    public bool Passed => Results.All(result => result.Error <= Tolerance);
}
