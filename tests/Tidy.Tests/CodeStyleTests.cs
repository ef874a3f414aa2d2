using System.Text.RegularExpressions;

namespace PixSearch.Tidy.Tests;

/// <summary>
/// Goal: footguns are banned with their replacement named, and files stay readable. A line may be excused with
/// <c>// tidy: reason</c> at its end; the reason is for the reviewer.
/// </summary>
public sealed partial class CodeStyleTests
{
    private const int LineLengthMax = 120;
    private const int FileLengthMax = 500;

    private static readonly Ban[] s_bans =
    [
        new(@"DateTime(Offset)?\.(UtcNow|Now)\b", "TimeProvider", "src"),
        new(@"\bThread\.Sleep\(", "a barrier, an event or TimeProvider", "src", "tests"),
        new(@"\bTask\.Delay\(", "a barrier or FakeTimeProvider", "tests"),
        new(@"\.GetAwaiter\(\)\.GetResult\(\)|\.Wait\(\)|\b\w*[tT]ask\.Result\b", "await", "src", "tests"),
        new(@"\bnew Random\(|\bRandom\.Shared\b", "SeededRandom", "src", "tests"),
        new(@"\bConsole\.(Error\.|Out\.)?Write", "the CLI (src/Cli), or an ILogger", "src", "!src/Cli", "!src/Silo"),
        new(@"\bFIXME\b|\bTODO\b|\bXXX\b|NotImplementedException", "finished code, or an issue", "src", "tests"),
        new(@"ConfigureAwait\(false\)", "a plain await (Orleans' scheduler must be kept)", "src/Grains"),
        new(@"Environment\.Exit\(", "a return code from Main", "src"),
        new(@"\bGC\.Collect\(", "pooled memory", "src"),
        new(@"#pragma warning disable|SuppressMessage", "code without the warning", "src", "tests"),
    ];

    private static readonly string[] s_sources =
        [.. Repository.Files("src", ".cs").Concat(Repository.Files("tests", ".cs")).Select(Repository.Relative)];

    [Fact]
    public void Sources_BannedCalls_AreNotUsed()
    {
        var found = new List<string>();
        foreach (string file in s_sources.Where(file =>
             !file.StartsWith("tests/Tidy", StringComparison.Ordinal)))
        {
            Ban[] bans = [.. s_bans.Where(ban => ban.Covers(file))];
            string[] lines = File.ReadAllLines(Path.Combine(Repository.Root, file));
            for (int i = 0; i < lines.Length; i++)
            {
                found.AddRange(bans.Where(ban => ban.Matches(lines[i]))
                    .Select(ban => $"{file}:{i + 1}: {lines[i].Trim()}   -> use {ban.Instead}"));
            }
        }

        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    [Fact]
    public void Sources_Lines_FitTheScreen()
    {
        string[] found =
        [
            .. from file in s_sources
               from line in File.ReadLines(Path.Combine(Repository.Root, file)).Select((text, index) => (text, index))
               where line.text.Length > LineLengthMax
               select $"{file}:{line.index + 1}: {line.text.Length} characters, at most {LineLengthMax}",
        ];
        Assert.True(found.Length == 0, string.Join('\n', found));
    }

    [Fact]
    public void Sources_Files_AreShort()
    {
        string[] found =
        [
            .. from file in s_sources
               let count = File.ReadLines(Path.Combine(Repository.Root, file)).Count()
               where count > FileLengthMax
               select $"{file}: {count} lines, at most {FileLengthMax}",
        ];
        Assert.True(found.Length == 0, string.Join('\n', found));
    }

    [Fact]
    public void Commits_NoPathOfAMachine_AndNoRegistryHost()
    {
        string[] extensions = 
            [".cs", ".md", ".json", ".props", ".targets", ".csproj", ".yaml", ".yml", ".proto", ".config"];
        string[] found =
        [
            .. from extension in extensions
               from file in Repository.Files("", extension)
               where !file.EndsWith("Tidy.Tests/CodeStyleTests.cs", StringComparison.Ordinal)
               where new FileInfo(file).Length < 2_000_000
               from line in File.ReadLines(file).Select((text, index) => (text, index))
               where MachinePath().IsMatch(line.text)
               select $"{Repository.Relative(file)}:{line.index + 1}: {line.text.Trim()}",
        ];
        Assert.True(found.Length == 0, string.Join('\n', found));
    }

    [Theory]
    [InlineData("var t = DateTime.UtcNow;", "src/Inference/X.cs", true)]
    [InlineData("var t = DateTime.UtcNow; // tidy: shown to people only", "src/Inference/X.cs", false)]
    [InlineData("await Task.Delay(5);", "tests/X.Tests/X.cs", true)]
    [InlineData("await Task.Delay(5);", "src/Gateway/X.cs", false)]
    [InlineData("Console.WriteLine(1);", "src/Cli/X.cs", false)]
    [InlineData("Console.WriteLine(1);", "src/Models/X.cs", true)]
    [InlineData("int r = task.Result;", "src/Models/X.cs", true)]
    [InlineData("var r = new Random(3);", "tests/X/X.cs", true)]
    public void Ban_Line_IsFound(string line, string file, bool banned) =>
        Assert.Equal(banned, s_bans.Any(ban => ban.Covers(file) && ban.Matches(line)));

    [GeneratedRegex(@"/work/(main|wt|shared|data)|/root/|api\.nuget\.org|registry\.npmjs\.org|deb\.debian\.org")]
    private static partial Regex MachinePath();

    // Scopes are folders; one that begins with '!' is left out.
    private sealed record Ban(string Pattern, string Instead, params string[] Scopes)
    {
        public bool Covers(string file) =>
            Scopes.Any(scope => file.StartsWith(scope + "/", StringComparison.Ordinal))
            && !Scopes.Any(scope => scope[0] == '!' && file.StartsWith(scope[1..] + "/", StringComparison.Ordinal));

        public bool Matches(string line) =>
            Regex.IsMatch(line, Pattern) && !line.Contains("// tidy: ", StringComparison.Ordinal)
            && !line.TrimStart().StartsWith("//", StringComparison.Ordinal);
    }
}
