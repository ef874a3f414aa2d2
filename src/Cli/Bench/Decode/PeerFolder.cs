namespace PixSearch.Cli.Bench.Decode;

/// <summary>Where other engines are installed for comparison: the user's cache, never the repository.</summary>
internal static class PeerFolder
{
    /// <summary>The folder; it need not exist.</summary>
    public static string Path { get; } = System.IO.Path.Combine(Cache(), "pixsearch", "peers");

    private static string Cache()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        return string.IsNullOrEmpty(cache)
            ? System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache")
            : cache;
    }
}
