using System.Globalization;
using System.Text;

namespace PixSearch.Retrieval;

/// <summary>
/// Turns any text into FTS5 queries. Only letters, digits and marks survive, every word is quoted, so nothing of the
/// text can act as query syntax; number and length of words are bounded, so a megabyte of text costs no more than a
/// sentence.
/// </summary>
public static class LexicalQuery
{
    /// <summary>Most words of a query.</summary>
    public const int WordsMax = 24;

    /// <summary>Longest word in characters; the rest of a longer one is dropped.</summary>
    public const int WordCharactersMax = 48;

    // A word that is in most documents costs 10 to 30 times the others (every posting is read and scored) and says
    // nothing.
    private static readonly HashSet<string> s_stopWords = new(
        ("a about all also am an and any are as at be been but by can could did do does for from give had has have he "
            + "her him his how i if in into is it its itself let many may me more most much my name no nor not of "
            + "on one "
            + "or our out please say she should show so some such tell than that the their them then there these they "
            + "this those to up us very was we were what when where which who whom whose why will with would you your "
            + "picture image photo photograph shown pictured").Split(' '),
        StringComparer.Ordinal);

    /// <summary>
    /// The words of a text that are worth searching, lower-case, in order, each once. Stop words are kept only when
    /// there is nothing else.
    /// </summary>
    public static IReadOnlyList<string> Words(string text)
    {
        var words = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var stopWords = new List<string>();
        var word = new StringBuilder();
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (IsWordRune(rune))
            {
                if (word.Length < WordCharactersMax)
                {
                    word.Append(Rune.ToLowerInvariant(rune).ToString());
                }

                continue;
            }

            Flush();
            if (words.Count == WordsMax)
            {
                break;
            }
        }

        Flush();
        return words.Count > 0 ? words : stopWords;

        void Flush()
        {
            if (word.Length == 0)
            {
                return;
            }

            string one = word.ToString();
            word.Clear();
            List<string> list = s_stopWords.Contains(one) ? stopWords : words;
            if (list.Count < WordsMax && seen.Add(one))
            {
                list.Add(one);
            }
        }
    }

    /// <summary>An FTS5 query that asks for all of the words.</summary>
    public static string All(IReadOnlyList<string> words) => Join(words, " AND ");

    /// <summary>An FTS5 query that asks for some of the words.</summary>
    public static string Any(IReadOnlyList<string> words) => Join(words, " OR ");

    private static string Join(IReadOnlyList<string> words, string connective) =>
        string.Join(connective, words.Select(word => $"\"{word}\""));

    // The classes that SQLite's unicode61 tokenizer keeps (L*, N*, Co) and marks, which it folds into letters. A word
    // must not consist of marks alone: FTS5 would see an empty phrase, hence words are cut out of text, never made up.
    private static bool IsWordRune(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or
        UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.DecimalDigitNumber or
        UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber or UnicodeCategory.NonSpacingMark or
        UnicodeCategory.SpacingCombiningMark => true,
        _ => false,
    };
}
