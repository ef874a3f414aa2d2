namespace PixSearch.Models.Tests.Checkpoints;

/// <summary>Files of tests/Models.Tests/golden.</summary>
internal static class Golden
{
    public static string Path(string name) =>
        System.IO.Path.Combine(Repository.Root, "tests", "Models.Tests", "golden", name);
}
