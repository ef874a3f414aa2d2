using System.Text.RegularExpressions;

namespace PixSearch.Tidy.Tests;

/// <summary>Goal: documents name only what exists.</summary>
public sealed partial class DocumentTests
{
    private static readonly string[] s_checked = ["docs/ARCHITECTURE.md", "docs/HACKING.md", "README.md"];

    private static readonly HashSet<string> s_types = [.. TypesOf()];

    public static TheoryData<string> Documents() => new(s_checked);

    [Fact]
    public void Architecture_TypesNamed_Exist()
    {
        string text = Read("docs/ARCHITECTURE.md");
        string[] missing =
        [
            .. TypeName().Matches(text).Select(match => match.Groups[1].Value).Distinct()
                .Where(name => !s_types.Contains(name) && !IsProject(name)),
        ];
        Assert.True(missing.Length == 0,
            $"docs/ARCHITECTURE.md names types that src/ does not have: {string.Join(", ", missing)}");
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_PathsNamed_Exist(string document)
    {
        string[] missing =
        [
            .. PathName().Matches(Read(document)).Select(match => match.Groups[1].Value).Distinct()
                .Where(path => !Path.Exists(Path.Combine(Repository.Root, path))),
        ];
        Assert.True(missing.Length == 0, $"{document} names paths that do not exist: {string.Join(", ", missing)}");
    }

    [Fact]
    public void Dependencies_EveryPackage_HasItsReason()
    {
        string reasons = Read("docs/dependencies.md");
        string[] missing =
        [
            .. PackageVersion().Matches(Read("Directory.Packages.props")).Select(match => match.Groups[1].Value)
                .Where(id => !reasons.Contains($"`{id}`", StringComparison.Ordinal)),
        ];
        Assert.True(missing.Length == 0, $"docs/dependencies.md gives no reason for: {string.Join(", ", missing)}");
    }

    [Fact]
    public void Decisions_AreNumberedWithoutHoles()
    {
        int[] numbers =
        [
            .. Repository.Files("docs/adr", ".md").Select(file => int.Parse(Path.GetFileName(file)[..4],
                System.Globalization.CultureInfo.InvariantCulture)),
        ];
        Assert.Equal(Enumerable.Range(1, numbers.Length), numbers);
    }

    private static string Read(string path) => File.ReadAllText(Path.Combine(Repository.Root, path));

    private static bool IsProject(string name) => Directory.Exists(Path.Combine(Repository.Root, "src", name));

    private static IEnumerable<string> TypesOf() =>
        Repository.Files("src", ".cs").SelectMany(file => TypeDeclaration().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups["name"].Value);

    // `TypeName`, `IName` or `Name.Member`: one word in Pascal case between backticks.
    [GeneratedRegex(@"`(I?[A-Z][a-z][A-Za-z0-9]+)(?:\.[A-Za-z]+)?`")]
    private static partial Regex TypeName();

    [GeneratedRegex(@"\b(?:class|record|struct|interface|enum|delegate)\s+(?:struct\s+|class\s+)?(?<name>[A-Z]\w*)")]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(@"`((?:src|tests|docs|deploy|models|samples)/[\w./-]*)`")]
    private static partial Regex PathName();

    [GeneratedRegex("PackageVersion Include=\"([^\"]+)\"")]
    private static partial Regex PackageVersion();
}
