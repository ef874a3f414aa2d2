using PixSearch.Abstractions;
using PixSearch.Models;

namespace PixSearch.Training.Loading;

/// <summary>
/// Made-up texts that can only be continued by looking back: any tokens repeated, lists that are repeated, and cards
/// of invented facts with statements about them. A small model learns to copy from evidence on such dense texts in a
/// fraction of the steps that it needs on answers alone, of which each holds two or three copied words.
/// </summary>
/// <param name="tokenizer">Has the begin token and the tags of evidence.</param>
/// <param name="tokensMax">Longer texts are cut.</param>
public sealed class CopyTasks(ITokenizer tokenizer, int tokensMax)
{
    private const int PeriodMin = 3;
    private const int PeriodMax = 24;
    private const int RepeatedMax = 56;

    private readonly int[] _ordinary = Ordinary(tokenizer);

    private static readonly string[] s_heads =
        ["b", "br", "ch", "d", "dr", "f", "g", "gl", "h", "j", "k", "kl", "l", "m", "n", "p", "pr", "r", "s", "sh",
            "st",
            "t", "tr", "v", "w", "z"];

    private static readonly string[] s_middles = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "ou"];

    private static readonly string[] s_tails = ["", "", "l", "m", "n", "r", "s", "t", "k", "ng", "nd", "x"];

    /// <summary>Names of the facts in evidence, as the data sets write them.</summary>
    internal static readonly string[] FactKeys =
        ["capital", "continent", "subregion", "currency", "language", "area", "neighbours", "kind", "food group",
            "scientific name", "protein", "fat", "iron", "energy", "wider kind", "calling code", "internet domain",
            "currency code", "number of users", "number of foods", "mean protein", "table letter"];

    /// <summary>
    /// Any tokens, again and again: copying must not depend on which tokens the made-up words happen to use. The first
    /// time carries no loss. Short periods teach first that what stands in the text comes again (a uniform look back is
    /// enough for that), then what follows what.
    /// </summary>
    public TextRow MakeTokens(SeededRandom random)
    {
        int period = random.NextInt(PeriodMin, random.NextInt(PeriodMin + 1, PeriodMax + 1));
        int[] once = [.. Enumerable.Range(0, period).Select(_ => random.Pick(_ordinary))];
        int[] tokens = new int[1 + Math.Max(2 * period, random.NextInt(period, RepeatedMax))];
        tokens[0] = tokenizer.IdOf("<s>");
        for (int i = 1; i < tokens.Length; i++)
        {
            tokens[i] = once[(i - 1) % period];
        }

        bool[] learned = new bool[tokens.Length];
        learned.AsSpan(1 + period).Fill(true);
        return new TextRow(tokens, learned);
    }

    /// <summary>"a b c. a b c. a b c.": the second and the third time are learned.</summary>
    public TextRow MakeList(SeededRandom random)
    {
        string list = string.Join(' ', Enumerable.Range(0, random.NextInt(4, 14)).Select(_ => Word(random)));
        return Join($"Repeat: {list}.", $" {list}. {list}.");
    }

    /// <summary>Evidence as in the samples, then several statements, which are learned, in the words of their
    /// answers.</summary>
    public TextRow MakeCards(SeededRandom random)
    {
        var cards = new List<(string Title, string[] Keys, string[] Values)>();
        for (int i = random.NextInt(1, 4); i > 0; i--)
        {
            string[] keys = [.. FactKeys];
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

        return Join(given, copied);
    }

    private TextRow Join(string given, string copied)
    {
        int[] first = [tokenizer.IdOf("<s>"), .. tokenizer.Encode(given)];
        int[] second = tokenizer.Encode(copied);
        int[] tokens = [.. first, .. second];
        bool[] learned = [.. new bool[first.Length], .. Enumerable.Repeat(true, second.Length)];
        return tokens.Length <= tokensMax
            ? new TextRow(tokens, learned)
            : new TextRow(tokens[..tokensMax], learned[..tokensMax]);
    }

    // Neither special tokens, which stand for no bytes, nor tags.
    private static int[] Ordinary(ITokenizer tokenizer) =>
    [
        .. Enumerable.Range(0, tokenizer.VocabularySize).Where(id =>
            tokenizer.TokenBytes(id) is { Length: > 0 } bytes && (bytes.Length == 1 || bytes[0] != (byte)'<')),
    ];

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
