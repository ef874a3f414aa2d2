using System.Runtime.CompilerServices;

namespace PixSearch.Tidy.Tests;

/// <summary>The checkout that these tests read.</summary>
internal static class Repository
{
    private static readonly string[] s_skipped = ["bin", "obj", "node_modules", ".git", "out", "data", "runs"];

    /// <summary>Its root folder: the parent of the solution file.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Files with an extension under a folder, build output left out, in ordinal order.</summary>
    public static IEnumerable<string> Files(string folder, string extension)
    {
        string top = Path.Combine(Root, folder);
        return Directory.Exists(top)
            ? Directory.EnumerateFiles(top, "*" + extension, SearchOption.AllDirectories)
                .Where(file => !Relative(file).Split('/').Any(s_skipped.Contains)).Order(StringComparer.Ordinal)
            : [];
    }

    /// <summary>A path from the root, with forward slashes.</summary>
    public static string Relative(string file) => Path.GetRelativePath(Root, file).Replace('\\', '/');

    private static string FindRoot([CallerFilePath] string here = "")
    {
        for (DirectoryInfo? at = new FileInfo(here).Directory; at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "PixSearch.Cluster.sln")))
            {
                return at.FullName;
            }
        }

        throw new InvalidOperationException($"No PixSearch.Cluster.sln above {here}.");
    }
}
