using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using PixSearch.Abstractions;
using PixSearch.Models;
using PixSearch.Training.Data;

namespace PixSearch.Training.Loading;

/// <summary>
/// Gives the evidence of a sample other names and values each time it is drawn, the same ones wherever the trajectory
/// copies them. Names that a data set holds are read some hundred times and learned by heart; a name that never comes
/// again can only be copied (entity substitution: Longpre et al., EMNLP 2021). Words are put together from pieces of
/// the vocabulary, so that every piece is met behind every other: made-up syllables alone leave "Vietn" to be continued
/// from memory.
/// </summary>
/// <param name="tokenizer">Its pieces of letters make the words.</param>
public sealed class FactChanger(ITokenizer tokenizer)
{
    private const int PiecesMax = 3;
    private const int WordCharactersMax = 14;
    private const double KeptShare = 0.15;

    // "Timor-Leste", "Ljubljana", "331212": where a piece comes twice, what followed it first is no longer the answer.
    private const double RepeatShare = 0.2;

    private readonly string[] _pieces = Pieces(tokenizer);

    /// <summary>The sample with other facts; itself when nothing was found for it.</summary>
    public Sample Change(Sample sample, SeededRandom random)
    {
        IReadOnlyList<(int Start, int End)> blocks = InformationMask.Blocks(sample.Trajectory);
        if (blocks.Count == 0)
        {
            return sample;
        }

        var changed = new Dictionary<string, string>(StringComparer.Ordinal);
        var copied = new HashSet<string>(StringComparer.Ordinal);
        string[] evidence = [.. blocks.Select(block => sample.Trajectory[block.Start..block.End])];
        for (int b = 0; b < evidence.Length; b++)
        {
            string inner = evidence[b][SearchProtocol.InformationOpen.Length..^SearchProtocol.InformationClose.Length];
            string[] entries = inner.Split(SearchProtocol.EntrySeparator);
            for (int e = 0; e < entries.Length; e++)
            {
                entries[e] = ChangeEntry(entries[e], changed, e == 0 ? copied : null, random);
            }

            evidence[b] = SearchProtocol.InformationOpen + string.Join(SearchProtocol.EntrySeparator, entries)
                + SearchProtocol.InformationClose;
        }

        if (copied.Count == 0)
        {
            return sample;
        }

        // Before the first evidence stand the phrase that owns a mask and the first query; phrases name no entity.
        Regex words = Words(copied);
        var text = new StringBuilder();
        int at = 0;
        for (int b = 0; b <= evidence.Length; b++)
        {
            int end = b < evidence.Length ? blocks[b].Start : sample.Trajectory.Length;
            string between = sample.Trajectory[at..end];
            bool owned = sample.Spans.Any(span => span.End > at && span.Start < end);
            text.Append(owned ? between : words.Replace(between, match => changed[match.Value]));
            if (b < evidence.Length)
            {
                text.Append(evidence[b]);
                at = blocks[b].End;
            }
        }

        string question = sample.Kind == "text"
            ? words.Replace(sample.Question, match => changed[match.Value])
            : sample.Question;
        return sample with { Question = question, Trajectory = text.ToString() };
    }

    private string ChangeEntry(string entry, Dictionary<string, string> changed, HashSet<string>? copied,
        SeededRandom random)
    {
        int colon = entry.IndexOf(": ", StringComparison.Ordinal);
        if (colon < 0)
        {
            return entry;
        }

        string[] fields = entry[(colon + 2)..].Split("; ");
        for (int f = 0; f < fields.Length; f++)
        {
            // "currency code" begins with "currency": the longest counts.
            string? key = CopyTasks.FactKeys.Where(k => fields[f].StartsWith(k + " ", StringComparison.Ordinal))
                .MaxBy(k => k.Length);
            if (key is not null && fields[f].Length > key.Length + 1)
            {
                fields[f] = $"{key} {New(fields[f][(key.Length + 1)..])}";
            }
        }

        return $"{New(entry[..colon])}: {string.Join("; ", fields)}";

        string New(string old)
        {
            if (!changed.TryGetValue(old, out string? other))
            {
                other = random.NextBool(KeptShare) ? old : Other(old, random);
                changed.Add(old, other);
            }

            copied?.Add(old);
            return other;
        }
    }

    /// <summary>A name or value of the same form.</summary>
    private string Other(string old, SeededRandom random)
    {
        bool code = old.Length <= 3 && old.All(char.IsAsciiLetter);
        if (code || old.Any(char.IsAsciiDigit))
        {
            return Digits(old, random);
        }

        string[] words = old.Split(' ');
        int count = random.NextBool(0.5) ? words.Length : random.NextInt(1, 4);
        return string.Join(' ', Enumerable.Range(0, Math.Min(count, 4)).Select(w =>
        {
            string like = words[Math.Min(w, words.Length - 1)];
            return w > 0 && random.NextBool(0.25) ? like : Word(like.Length > 0 && char.IsUpper(like[0]), random);
        }));
    }

    private string Word(bool capital, SeededRandom random)
    {
        string word = random.Pick(_pieces);
        string first = word;
        for (int p = random.NextInt(0, PiecesMax); p > 0 && word.Length < WordCharactersMax; p--)
        {
            word += random.NextBool(RepeatShare) ? first : random.Pick(_pieces);
        }

        return capital ? char.ToUpper(word[0], CultureInfo.InvariantCulture) + word[1..] : word;
    }

    // Whole numbers get any length up to one digit more: lengths are copied too.
    private static string Digits(string old, SeededRandom random)
    {
        var result = new StringBuilder();
        for (int i = 0; i < old.Length;)
        {
            int from = i;
            while (i < old.Length && char.IsAsciiDigit(old[i]))
            {
                i++;
            }

            bool fraction = from > 0 && old[from - 1] == '.';
            int digits = i == from ? 0 : fraction ? i - from : random.NextInt(1, Math.Max(2, i - from + 2));
            for (int d = 0; d < digits; d++)
            {
                result.Append(d > 0 && random.NextBool(RepeatShare)
                    ? result[^Math.Min(d, random.NextInt(1, 3))]
                    : (char)('0' + (d == 0 && digits > 1 && !fraction ? random.NextInt(1, 10) : random.NextInt(10))));
            }

            if (i == from)
            {
                char letter = old[i++];
                result.Append(old.Length > 3 || !char.IsAsciiLetter(letter) ? letter
                    : (char)((char.IsUpper(letter) ? 'A' : 'a') + random.NextInt(26)));
            }
        }

        return result.ToString();
    }

    private static Regex Words(IEnumerable<string> copied) => new("(?<![A-Za-z0-9])(?:"
        + string.Join('|', copied.OrderByDescending(word => word.Length).Select(Regex.Escape))
        + ")(?![A-Za-z0-9])", RegexOptions.CultureInvariant);

    private static string[] Pieces(ITokenizer tokenizer) =>
    [
        .. Enumerable.Range(0, tokenizer.VocabularySize)
            .Select(id => Encoding.UTF8.GetString(tokenizer.TokenBytes(id)).TrimStart(' '))
            .Where(piece => piece.Length > 0 && piece.All(char.IsAsciiLetter))
            .Select(piece => piece.ToLowerInvariant())
            .Distinct(StringComparer.Ordinal),
    ];
}
