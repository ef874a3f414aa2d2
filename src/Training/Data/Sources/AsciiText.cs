using System.Text;

namespace PixSearch.Training.Data.Sources;

/// <summary>Names as English prints them: without accents.</summary>
internal static class AsciiText
{
    private const string Accented =
        "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝ"
        + "àáâãäåçèéêëìíîïñòóôõöøùúûüýÿāēīōūășțşţğıčćžšđłńồŠŞŻżʻ’‘`´–—";
    private const string Plain =
        "AAAAAACEEEEIIIINOOOOOOUUUUY"
        + "aaaaaaceeeeiiiinoooooouuuuyyaeiouaststgicczsdlnoSSZz'''''--";

    /// <summary>The text in ASCII; what has no plain form is dropped.</summary>
    public static string Fold(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (char character in text.Replace("St. ", "Saint ", StringComparison.Ordinal))
        {
            int at = Accented.IndexOf(character, StringComparison.Ordinal);
            if (at >= 0)
            {
                result.Append(Plain[at]);
            }
            else if (char.IsAscii(character))
            {
                result.Append(character);
            }
        }

        return result.ToString().Trim();
    }
}
