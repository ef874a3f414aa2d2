using PixSearch.Abstractions;
using PixSearch.Models;

namespace PixSearch.Training.Loading;

/// <summary>
/// Made-up texts that can only be continued by looking back: lists that are repeated, and cards of invented facts with
/// statements about them. A small model learns to copy from evidence on such dense texts in a fraction of the steps
/// that it needs on answers alone, of which each holds two or three copied words.
/// </summary>
/// <param name="tokenizer">Has the begin token and the tags of evidence.</param>
/// <param name="tokensMax">Longer texts are cut.</param>
public sealed class CopyTasks(ITokenizer tokenizer, int tokensMax)
{
    private const double ListShare = 0.4;

    private static readonly string[] s_heads =
        ["b", "br", "ch", "d", "dr", "f", "g", "gl", "h", "j", "k", "kl", "l", "m", "n", "p", "pr", "r", "s", "sh",
            "st",
            "t", "tr", "v", "w", "z"];

    private static readonly string[] s_middles = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "ou"];

    private static readonly string[] s_tails = ["", "", "l", "m", "n", "r", "s", "t", "k", "ng", "nd", "x"];

    private static readonly string[] s_keys =
        ["capital", "continent", "subregion", "currency", "language", "area", "neighbours", "kind", "food group",
            "scientific name", "protein", "fat", "iron", "energy", "wider kind", "calling code", "internet domain",
            "currency code", "number of users", "number of foods", "mean protein", "table letter"];

    /// <summary>A text; the first time that something is said carries no loss, everything that repeats it
    /// does.</summary>
    public TextRow Make(SeededRandom random)
    {
        (string given, string copied) = random.NextBool(ListShare) ? MakeList(random) : MakeCards(random);
        int[] first = [tokenizer.IdOf("<s>"), .. tokenizer.Encode(given)];
        int[] second = tokenizer.Encode(copied);
        int[] tokens = [.. first, .. second];
        bool[] learned = [.. new bool[first.Length], .. Enumerable.Repeat(true, second.Length)];
        return tokens.Length <= tokensMax
            ? new TextRow(tokens, learned)
            : new TextRow(tokens[..tokensMax], learned[..tokensMax]);
    }

    // "a b c; a b c; a b c": the second and the third time are learned.
    private static (string Given, string Copied) MakeList(SeededRandom random)
    {
        string list = string.Join(' ', Enumerable.Range(0, random.NextInt(4, 14)).Select(_ => Word(random)));
        return ($"Repeat: {list}.", $" {list}. {list}.");
    }

    // Evidence as in the samples, then several statements in the words of their answers.
    private static (string Given, string Copied) MakeCards(SeededRandom random)
    {
        var cards = new List<(string Title, string[] Keys, string[] Values)>();
        for (int i = random.NextInt(1, 4); i > 0; i--)
        {
            string[] keys = [.. s_keys];
            random.Shuffle<string>(keys);
            keys = keys[..random.NextInt(2, 5)];
            cards.Add((Name(random), keys, [.. keys.Select(_ => Value(random))]));
        }

        string given = SearchProtocol.InformationOpen + string.Join(SearchProtocol.EntrySeparator, cards.Select(card =>
            $"{card.Title}: {string.Join("; ", card.Keys.Select((key, k) => $"{key} {card.Values[k]}"))}"))
            + SearchProtocol.InformationClose;
        string copied = "";
        for (int i = random.NextInt(2, 5); i > 0; i--)
        {
            (string title, string[] keys, string[] values) = random.Pick(cards);
            int k = random.NextInt(keys.Length);
            copied += $" is {title}. Its {keys[k]} is {values[k]}.";
        }

        return (given, copied);
    }

    private static string Value(SeededRandom random) => random.NextBool(0.25)
        ? random.NextInt(1, 2000).ToString(System.Globalization.CultureInfo.InvariantCulture)
        : Name(random);

    private static string Name(SeededRandom random)
    {
        string name = Word(random);
        name = char.ToUpperInvariant(name[0]) + name[1..];
        return random.NextBool(0.3) ? $"{name} {Word(random)}" : name;
    }

    private static string Word(SeededRandom random)
    {
        string word = "";
        for (int i = random.NextInt(1, 4); i > 0; i--)
        {
            word += random.Pick(s_heads) + random.Pick(s_middles) + random.Pick(s_tails);
        }

        return word;
    }
}
