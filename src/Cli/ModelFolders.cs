namespace PixSearch.Cli;

/// <summary>Where the reference models and indexes of the repository lie, whatever the working directory.</summary>
internal static class ModelFolders
{
    /// <summary>The index encoder.</summary>
    public static string Encoder => Find("retriever-nano");

    /// <summary>The reference model.</summary>
    public static string Model => Find("pixsearch-nano");

    /// <summary>
    /// <c>models/NAME</c> under the working directory or above the program; the first of both when neither exists.
    /// </summary>
    private static string Find(string name)
    {
        string relative = Path.Combine("models", name);
        if (Directory.Exists(relative))
        {
            return relative;
        }

        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, relative);
            if (Directory.Exists(path))
            {
                return path;
            }
        }

        return relative;
    }
}
