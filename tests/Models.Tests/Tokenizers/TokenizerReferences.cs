using System.ComponentModel;
using System.Diagnostics;
using PixSearch.Models.Tests.Checkpoints;

namespace PixSearch.Models.Tests.Tokenizers;

/// <summary>A theory that needs the references; skipped with the reason where they cannot be made.</summary>
public sealed class ReferenceTheoryAttribute : TheoryAttribute
{
    public ReferenceTheoryAttribute() => Skip = TokenizerReferences.WhyNot;
}

/// <summary>
/// What reference implementations make of 4,700 texts with real vocabularies: installed and run once a machine, in a
/// cache folder outside of the repository (<c>$PX_TOKENIZER_CACHE</c>).
/// </summary>
internal static class TokenizerReferences
{
    // The last file that the script writes.
    private const string LastFile = "llama/decoded.json";

    private static readonly Lazy<string?> s_reason = new(Prepare);

    public static string Folder { get; } = Environment.GetEnvironmentVariable("PX_TOKENIZER_CACHE")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "pixsearch",
            "tokenizers");

    /// <summary>Why there are none; null when there are. Makes them on the first call.</summary>
    public static string? WhyNot => s_reason.Value;

    private static string? Prepare()
    {
        if (File.Exists(Path.Combine(Folder, LastFile)))
        {
            return null;
        }

        string script = Golden.Path("make-tokenizer-references.sh");
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("bash", [script, Folder])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                RedirectStandardInput = true,
            })!;
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(TimeSpan.FromMinutes(4)))
            {
                process.Kill(entireProcessTree: true);
                return "No tokenizer references: make-tokenizer-references.sh took longer than 4 minutes.";
            }

            return process.ExitCode == 0 && File.Exists(Path.Combine(Folder, LastFile))
                ? null
                : "No tokenizer references: make-tokenizer-references.sh (needs npm and python3-sentencepiece) ended "
                    + $"with {process.ExitCode}: {LastLine(errors.Result)}";
        }
        catch (Win32Exception error)
        {
            return $"No tokenizer references: bash cannot be run: {error.Message}";
        }
    }

    private static string LastLine(string text) => text.Trim().Split('\n')[^1];
}
