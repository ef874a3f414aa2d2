using System.Globalization;
using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Training.Data.Questions;

/// <summary>
/// Invents names and values. A small model that reads 200 true cards a thousand times learns them by heart and then
/// answers from memory; with invented ones only copying from the evidence can be right (entity substitution: Longpre et
/// al., EMNLP 2021).
/// </summary>
internal static class Invention
{
    private static readonly string[] s_starts =
    [
        "b", "br", "c", "ch", "d", "dr", "f", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "pr", "qu", "r", "s",
        "sh", "st", "t", "tr", "v", "w", "y", "z", "",
    ];

    private static readonly string[] s_vowels = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "ou", "ia", "ee"];

    private static readonly string[] s_ends = ["", "", "", "n", "r", "s", "l", "m", "t", "nd", "k", "x", "ng"];

    private static readonly string[] s_latinEnds = ["us", "a", "um", "is", "ensis", "ata", "oides", "ii", "ella"];

    /// <summary>A value of a form, shaped like a true one.</summary>
    public static string Value(ValueForm form, string like, SeededRandom random) => form switch
    {
        ValueForm.Number => Number(like, random),
        ValueForm.Code => Code(like, random),
        ValueForm.Latin => $"{Capital(Latin(random))} {Latin(random)}",
        ValueForm.Word => random.NextBool(0.4) ? $"{Word(random, 2)} {Word(random, 2)}" : Word(random, 3),
        _ => Name(like, random),
    };

    /// <summary>A proper name with about as many words as a true one.</summary>
    public static string Name(string like, SeededRandom random)
    {
        int words = Math.Min(2, like.Split(' ').Length);
        bool capitals = like.Length > 0 && char.IsUpper(like[0]);
        string name = Word(random, random.NextInt(2, 4));
        name = capitals ? Capital(name) : name;
        for (int i = 1; i < words; i++)
        {
            string last = like.Split(' ')[^1];
            // Every other time the plain last word stays: "Fijian dollar" -> "Zorian dollar".
            string next = char.IsLower(last[0]) && random.NextBool() ? last : Word(random, 2);
            name += " " + (char.IsUpper(last[0]) ? Capital(next) : next);
        }

        return name;
    }

    private static string Number(string like, SeededRandom random)
    {
        var result = new StringBuilder(like.Length);
        for (int i = 0; i < like.Length; i++)
        {
            bool leading = i == 0 || !(char.IsDigit(like[i - 1]) || like[i - 1] == '.');
            bool more = i + 1 < like.Length && char.IsDigit(like[i + 1]);
            result.Append(!char.IsDigit(like[i]) ? like[i]
                : (char)('0' + (leading && more ? random.NextInt(1, 10) : random.NextInt(10))));
        }

        return result.ToString();
    }

    private static string Code(string like, SeededRandom random)
    {
        var result = new StringBuilder(like.Length);
        foreach (char character in like)
        {
            result.Append(char.IsAsciiLetterUpper(character) ? (char)('A' + random.NextInt(26))
                : char.IsAsciiLetterLower(character) ? (char)('a' + random.NextInt(26))
                : char.IsDigit(character) ? (char)('0' + random.NextInt(10))
                : character);
        }

        return result.ToString();
    }

    private static string Latin(SeededRandom random) => Word(random, 2) + random.Pick(s_latinEnds);

    private static string Word(SeededRandom random, int syllables)
    {
        var result = new StringBuilder();
        for (int i = 0; i < syllables; i++)
        {
            result.Append(random.Pick(s_starts)).Append(random.Pick(s_vowels));
            if (i == syllables - 1 || random.NextBool(0.3))
            {
                result.Append(random.Pick(s_ends));
            }
        }

        return result.ToString();
    }

    private static string Capital(string word) =>
        word.Length == 0 ? word : char.ToUpper(word[0], CultureInfo.InvariantCulture) + word[1..];
}
