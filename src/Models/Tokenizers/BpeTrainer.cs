using System.Text;

namespace PixSearch.Models.Tokenizers;

/// <summary>
/// Learns a byte-level vocabulary from texts: the most frequent pair of neighbours becomes a token until the vocabulary
/// is full. Equal inputs give equal vocabularies; of equally frequent pairs the one of lower ids is merged first.
/// </summary>
public sealed class BpeTrainer
{
    private readonly Dictionary<string, long> _wordCounts = new(StringComparer.Ordinal);
    private readonly RegexSplitter _splitter = new(RegexSplitter.QwenPattern, SplitBehavior.Isolated, invert: false);
    private readonly AddedTokens _added;
    private readonly IReadOnlyList<AddedToken> _addedList;

    /// <summary>A trainer whose vocabulary begins with these tokens (ids 0, 1, ...), then the 256 bytes.</summary>
    public BpeTrainer(IReadOnlyList<AddedToken> added)
    {
        for (int i = 0; i < added.Count; i++)
        {
            if (added[i].Id != i)
            {
                throw new ArgumentException(
                    $"Added token '{added[i].Content}' has id {added[i].Id}; {i} was expected.");
            }
        }

        _addedList = added;
        _added = new AddedTokens(added);
    }

    /// <summary>The tokens of the project's own models, ids 0 to 10 (see docs of pixsearch-nano).</summary>
    public static IReadOnlyList<AddedToken> PixSearchTokens { get; } =
    [
        new(0, "<pad>", Special: true),
        new(1, "<s>", Special: true),
        new(2, "</s>", Special: true),
        new(3, "<im_start>", Special: true),
        new(4, "<im_end>", Special: true),
        // The session machine looks for these in the decoded text, so they are not special.
        new(5, "<search>", Special: false),
        new(6, "</search>", Special: false),
        new(7, "<region>", Special: false),
        new(8, "<img>", Special: false),
        new(9, "<information>", Special: false),
        new(10, "</information>", Special: false),
    ];

    /// <summary>Counts the words of a text; added tokens in it are left out.</summary>
    public void Add(string text)
    {
        string normalized = new TextNormalizer.Nfc().Apply(new AlignedText(text, 0)).Text;
        _added.Split(normalized, (start, end, token) =>
        {
            if (token is not null)
            {
                return;
            }

            string between = normalized[start..end];
            _splitter.Split(between, (wordStart, wordEnd) =>
            {
                string word = between[wordStart..wordEnd];
                _wordCounts[word] = _wordCounts.GetValueOrDefault(word) + 1;
            });
        });
    }

    /// <summary>
    /// Learns. The result has at most <paramref name="vocabularySize"/> tokens, fewer when no pair occurs at least
    /// <paramref name="minimumCount"/> times any more.
    /// </summary>
    public BpeTrainingResult Train(int vocabularySize, int minimumCount = 2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, _addedList.Count + 256);
        var tokens = new List<byte[]>(vocabularySize);
        for (int i = 0; i < 256; i++)
        {
            tokens.Add([(byte)i]);
        }

        // Two merges may end in the same bytes (a + bc, ab + c): they share a token.
        var idsByText = new Dictionary<string, int>(StringComparer.Ordinal);
        var merges = new List<(int Left, int Right)>();
        var pairs = new PairTable(_wordCounts);
        while (_addedList.Count + tokens.Count < vocabularySize
            && pairs.TryTakeBest(minimumCount, out (int Left, int Right) best))
        {
            byte[] merged = [.. tokens[best.Left], .. tokens[best.Right]];
            string text = ByteAlphabet.TextOf(merged);
            if (!idsByText.TryGetValue(text, out int id))
            {
                id = tokens.Count;
                tokens.Add(merged);
                idsByText.Add(text, id);
            }

            merges.Add(best);
            pairs.Merge(best, id);
        }

        return new BpeTrainingResult(_addedList, tokens, merges);
    }

    /// <summary>Words as symbols, and where each pair of neighbours occurs.</summary>
    private sealed class PairTable
    {
        private readonly List<int[]> _words = [];
        private readonly List<long> _counts = [];
        private readonly Dictionary<(int Left, int Right), long> _pairCounts = [];
        private readonly Dictionary<(int Left, int Right), HashSet<int>> _pairWords = [];
        private readonly PriorityQueue<(int Left, int Right), (long NegativeCount, int Left, int Right)> _queue = new();

        public PairTable(Dictionary<string, long> wordCounts)
        {
            foreach ((string word, long count) in wordCounts.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                _words.Add(Array.ConvertAll(Encoding.UTF8.GetBytes(word), value => (int)value));
                _counts.Add(count);
                Count(_words.Count - 1, 1, []);
            }

            foreach (((int Left, int Right) pair, long count) in _pairCounts)
            {
                _queue.Enqueue(pair, (-count, pair.Left, pair.Right));
            }
        }

        // The queue holds old counts too: one that is no longer true is put back with the true one.
        public bool TryTakeBest(long minimumCount, out (int Left, int Right) best)
        {
            while (_queue.TryDequeue(out best, out (long NegativeCount, int, int) priority))
            {
                long count = _pairCounts.GetValueOrDefault(best);
                if (count == -priority.NegativeCount && count >= minimumCount)
                {
                    return true;
                }

                if (count >= minimumCount && count < -priority.NegativeCount)
                {
                    _queue.Enqueue(best, (-count, best.Left, best.Right));
                }
            }

            return false;
        }

        public void Merge((int Left, int Right) pair, int id)
        {
            var changed = new HashSet<(int Left, int Right)>();
            int[] words = [.. _pairWords[pair]];
            foreach (int word in words)
            {
                Count(word, -1, changed);
                _words[word] = Replace(_words[word], pair, id);
                Count(word, 1, changed);
            }

            _pairCounts.Remove(pair);
            _pairWords.Remove(pair);
            foreach ((int Left, int Right) other in changed)
            {
                if (_pairCounts.TryGetValue(other, out long count) && count > 0)
                {
                    _queue.Enqueue(other, (-count, other.Left, other.Right));
                }
            }
        }

        private void Count(int word, int sign, HashSet<(int Left, int Right)> changed)
        {
            int[] symbols = _words[word];
            for (int i = 0; i + 1 < symbols.Length; i++)
            {
                (int Left, int Right) pair = (symbols[i], symbols[i + 1]);
                _pairCounts[pair] = _pairCounts.GetValueOrDefault(pair) + (sign * _counts[word]);
                changed.Add(pair);
                if (sign > 0)
                {
                    if (!_pairWords.TryGetValue(pair, out HashSet<int>? words))
                    {
                        _pairWords[pair] = words = [];
                    }

                    words.Add(word);
                }
            }
        }

        private static int[] Replace(int[] symbols, (int Left, int Right) pair, int id)
        {
            var merged = new List<int>(symbols.Length);
            for (int i = 0; i < symbols.Length; i++)
            {
                bool hit = i + 1 < symbols.Length && symbols[i] == pair.Left && symbols[i + 1] == pair.Right;
                merged.Add(hit ? id : symbols[i]);
                i += hit ? 1 : 0;
            }

            return [.. merged];
        }
    }
}
