using System.Buffers;
using System.Globalization;
using System.Text;

namespace PixSearch.Abstractions;

/// <summary>
/// Text of unknown origin (names of tensors, messages of the system) as part of a line: a terminal must not obey it.
/// </summary>
public static class PlainText
{
    // C0, DEL and C1, separators of lines and paragraphs, and what turns the direction of writing round.
    private static readonly SearchValues<char> s_active = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Concat(Enumerable.Range(0x7F, 0x21)).Select(code => (char)code),
            '\u2028', '\u2029', '\u200E', '\u200F', '\u202A', '\u202B', '\u202C', '\u202D', '\u202E', '\u2066',
            '\u2067', '\u2068', '\u2069', '\uFEFF']);

    /// <summary>
    /// One line without control characters: ends of lines become spaces, what else a terminal would obey is written as
    /// <c>\uXXXX</c>.
    /// </summary>
    public static string OneLine(string text)
    {
        if (!text.AsSpan().ContainsAny(s_active))
        {
            return text;
        }

        var line = new StringBuilder(text.Length + 16);
        foreach (char unit in text.ReplaceLineEndings(" "))
        {
            if (s_active.Contains(unit))
            {
                line.Append("\\u").Append(((int)unit).ToString("X4", CultureInfo.InvariantCulture));
            }
            else
            {
                line.Append(unit);
            }
        }

        return line.ToString();
    }
}
