using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace PixSearch.Tidy.Tests;

/// <summary>Goal: the reference table of docs/ARCHITECTURE.md and the project files say the same.</summary>
public sealed partial class ReferenceTests
{
    private static readonly IReadOnlyDictionary<string, string[]> s_allowed = ReadTable();

    public static TheoryData<string> Projects() => new(Repository.Files("src", ".csproj").Select(Repository.Relative));

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_References_AreInTheTable(string project)
    {
        string name = Path.GetFileNameWithoutExtension(project);
        Assert.True(s_allowed.ContainsKey(name), $"docs/ARCHITECTURE.md has no row for {name}.");
        string[] extra = [.. ReferencesOf(project).Except(s_allowed[name])];
        Assert.True(extra.Length == 0, $"{project} references {string.Join(", ", extra)}; the table allows only "
            + $"{string.Join(", ", s_allowed[name])}. Change the design in an ADR and the table, or drop the edge.");
    }

    [Fact]
    public void Table_Rows_NameProjectsThatExist()
    {
        string[] real = [.. Repository.Files("src", ".csproj").Select(file => Path.GetFileNameWithoutExtension(file)!)];
        Assert.Empty(s_allowed.Keys.Except(real));
        Assert.Empty(s_allowed.Values.SelectMany(names => names).Except(real));
    }

    [Fact]
    public void ClusterPackages_AreReferenced_OnlyByTheThinAdapters()
    {
        string[] adapters = ["Grains", "Silo", "Torch", "Cluster.Tests", "Cluster.Processes", "Torch.Tests"];
        IEnumerable<string> wrong =
            from file in Repository.Files("src", ".csproj").Concat(Repository.Files("tests", ".csproj"))
            where !adapters.Contains(Path.GetFileNameWithoutExtension(file))
            from package in XDocument.Load(file).Descendants("PackageReference")
            let id = (string?)package.Attribute("Include") ?? ""
            where id.StartsWith("Microsoft.Orleans", StringComparison.Ordinal)
                || id.StartsWith("TorchSharp", StringComparison.Ordinal)
                || id.StartsWith("libtorch", StringComparison.Ordinal)
            select $"{Repository.Relative(file)}: {id}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void EmbeddedFilter_HoldsEverythingButTheClusterProjects()
    {
        string filter = File.ReadAllText(Path.Combine(Repository.Root, "PixSearch.Embedded.slnf"));
        string[] listed = [.. ProjectPath().Matches(filter).Select(match => match.Value).Order(StringComparer.Ordinal)];
        string[] real =
        [
            .. Repository.Files("src", ".csproj").Concat(Repository.Files("tests", ".csproj"))
                .Select(Repository.Relative)
                .Where(file => !ClusterProject().IsMatch(file)).Order(StringComparer.Ordinal),
        ];
        Assert.Equal(real, listed);
    }

    private static IEnumerable<string> ReferencesOf(string project) =>
        XDocument.Load(Path.Combine(Repository.Root, project)).Descendants("ProjectReference")
            .Select(item => Path.GetFileNameWithoutExtension(((string)item.Attribute("Include")!).Replace('\\', '/')));

    // Rows look like: | `Inference` | what it holds | Abstractions, Models |
    private static Dictionary<string, string[]> ReadTable()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "ARCHITECTURE.md"));
        return TableRow().Matches(text).ToDictionary(
            row => row.Groups["name"].Value,
            row => row.Groups["refs"].Value.Trim() is "nothing"
                ? []
                : row.Groups["refs"].Value.Split(',', StringSplitOptions.TrimEntries));
    }

    [GeneratedRegex(@"^\| `(?<name>\w+)` \|[^|\n]+\|(?<refs>[^|\n]+)\|$", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    [GeneratedRegex(@"(src|tests)/[\w.]+/[\w.]+\.csproj")]
    private static partial Regex ProjectPath();

    [GeneratedRegex(@"/(Grains|Silo|Torch|Torch\.Tests|Cluster\.Tests|Cluster\.Processes)\.csproj$")]
    private static partial Regex ClusterProject();
}
