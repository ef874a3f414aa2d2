using System.Globalization;
using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Evaluation;

/// <summary>How an answer counts (CRAG-MM, systems.md §5.1): +1, 0 or -1 towards truthfulness.</summary>
public enum Verdict
{
    /// <summary>Neither correct nor missing: a hallucination, -1.</summary>
    Wrong,

    /// <summary>The model says that it does not know: 0.</summary>
    Missing,

    /// <summary>The last sentence holds the answer: +1.</summary>
    Correct,
}

/// <summary>
/// Scores short answers without a judge model: missing when the answer contains "i don't know"; else correct when one
/// of the accepted variants stands in the last sentence as whole words; else wrong. Case and kinds of apostrophe do not
/// count.
/// </summary>
public static class AnswerScorer
{
    // A full stop after these does not end a sentence ("St. John's", "Washington, D.C.", "sp. nov.").
    private static readonly HashSet<string> s_abbreviations = new(
        "st mt ft dr mr mrs ms jr sr no vs sp spp ssp var subsp approx cf al e.g i.e etc ca".Split(' '),
        StringComparer.Ordinal);

    /// <summary>Scores one answer.</summary>
    /// <param name="answer">What the reader sees: no control strings.</param>
    /// <param name="variants">Accepted answers; blank ones are ignored.</param>
    public static Verdict Score(string answer, IReadOnlyList<string> variants)
    {
        string text = Normalize(answer);
        if (text.Contains(SearchProtocol.DontKnow, StringComparison.Ordinal))
        {
            return Verdict.Missing;
        }

        string sentence = LastSentence(text);
        return variants.Any(variant => ContainsWords(sentence, Normalize(variant))) ? Verdict.Correct : Verdict.Wrong;
    }

    /// <summary>The last sentence of a text, without the space round it.</summary>
    public static string LastSentence(string text)
    {
        string trimmed = text.Trim();
        for (int i = trimmed.Length - 2; i >= 0; i--)
        {
            if (trimmed[i] is '.' or '!' or '?' && char.IsWhiteSpace(trimmed[i + 1]) && !IsAbbreviation(trimmed, i))
            {
                return trimmed[(i + 1)..].TrimStart();
            }
        }

        return trimmed;
    }

    /// <summary>
    /// Whether a text holds a phrase as whole words: no letter or digit touches it, and a number is not a part of a
    /// longer one ("3" is not in "3.5" or "1,300").
    /// </summary>
    internal static bool ContainsWords(string text, string phrase)
    {
        if (phrase.Length == 0)
        {
            return false;
        }

        int at = -1;
        while ((at = text.IndexOf(phrase, at + 1, StringComparison.Ordinal)) >= 0)
        {
            if (IsEdge(text, at, -1) && IsEdge(text, at + phrase.Length - 1, +1))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Lower case, one kind of apostrophe, single spaces. Characters are not composed: data sets are written in one
    /// form, and the models learn that form.
    /// </summary>
    internal static string Normalize(string text)
    {
        var result = new StringBuilder(text.Length);
        bool space = false;
        foreach (char c in text)
        {
            if (char.IsWhiteSpace(c))
            {
                space = true;
                continue;
            }

            if (space && result.Length > 0)
            {
                result.Append(' ');
            }

            space = false;
            result.Append(c is '\u2019' or '\u2018' or '\u02BC' or '`' ? '\''
                : char.ToLower(c, CultureInfo.InvariantCulture));
        }

        return result.ToString();
    }

    // inside: the first or last character of the phrase; step: where to look from there.
    private static bool IsEdge(string text, int inside, int step)
    {
        int next = inside + step;
        if (next < 0 || next >= text.Length || !char.IsLetterOrDigit(text[inside]))
        {
            return true;
        }

        if (char.IsLetterOrDigit(text[next]))
        {
            return false;
        }

        int beyond = next + step;
        bool joinsNumbers = char.IsAsciiDigit(text[inside]) && text[next] is '.' or ',' && beyond >= 0
            && beyond < text.Length &&
            char.IsAsciiDigit(text[beyond]);
        return !joinsNumbers;
    }

    private static bool IsAbbreviation(string text, int stop)
    {
        if (text[stop] != '.')
        {
            return false;
        }

        int start = stop;
        while (start > 0 && !char.IsWhiteSpace(text[start - 1]) && text[start - 1] is not ('(' or ','))
        {
            start--;
        }

        string word = text[start..stop].ToLowerInvariant();
        return s_abbreviations.Contains(word) || (word.Length == 1 && char.IsLetter(word[0])) ||
            (word.Length > 2 && word[^2] == '.' && char.IsLetter(word[^1]));
    }
}
