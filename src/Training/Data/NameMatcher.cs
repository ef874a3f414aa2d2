using System.Text;

namespace PixSearch.Training.Data;

/// <summary>Finds names in text as whole words, whatever the case and punctuation.</summary>
public sealed class NameMatcher
{
    private readonly Dictionary<string, List<string>> _byFirstWord = new(StringComparer.Ordinal);

    /// <summary>A matcher of these names.</summary>
    public NameMatcher(IEnumerable<string> names)
    {
        foreach (string name in names.Select(Normalize).Where(name => name.Length > 0).Distinct(StringComparer.Ordinal))
        {
            string first = name.Split(' ')[0];
            if (!_byFirstWord.TryGetValue(first, out List<string>? list))
            {
                _byFirstWord[first] = list = [];
            }

            list.Add(name);
        }
    }

    /// <summary>Lower case, words of letters and digits, one space between.</summary>
    public static string Normalize(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (char character in text)
        {
            if (char.IsLetterOrDigit(character))
            {
                result.Append(char.ToLowerInvariant(character));
            }
            else if (result.Length > 0 && result[^1] != ' ')
            {
                result.Append(' ');
            }
        }

        return result.ToString().TrimEnd();
    }

    /// <summary>Whether any of the names stands in the text.</summary>
    public bool IsIn(string text) => FindAll(text).Any();

    /// <summary>All names (normalized) that stand in the text.</summary>
    public IEnumerable<string> FindAll(string text)
    {
        string normalized = Normalize(text) + " ";
        int start = 0;
        while (start < normalized.Length)
        {
            int end = normalized.IndexOf(' ', start);
            if (_byFirstWord.TryGetValue(normalized[start..end], out List<string>? names))
            {
                foreach (string name in names)
                {
                    if (string.CompareOrdinal(normalized, start, name, 0, name.Length) == 0
                        && normalized[start + name.Length] == ' ')
                    {
                        yield return name;
                    }
                }
            }

            start = end + 1;
        }
    }
}
