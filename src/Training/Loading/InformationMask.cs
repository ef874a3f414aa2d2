using PixSearch.Abstractions;

namespace PixSearch.Training.Loading;

/// <summary>
/// Information-token masking (PixSearch §3.3): tokens inside <c>&lt;information&gt;...&lt;/information&gt;</c>, the
/// tags included, carry no language-model loss, since the search system writes them and not the model. A token at
/// characters [s, e) is masked when some block [sk, ek) has <c>s &lt; ek and e &gt; sk</c>: overlap is enough, however
/// the tokenizer cuts.
/// </summary>
public static class InformationMask
{
    /// <summary>Character ranges of the blocks, tags included. A block that never closes reaches to the end.</summary>
    public static IReadOnlyList<(int Start, int End)> Blocks(string text)
    {
        var blocks = new List<(int, int)>();
        for (int at = 0; at < text.Length;)
        {
            int start = text.IndexOf(SearchProtocol.InformationOpen, at, StringComparison.Ordinal);
            if (start < 0)
            {
                break;
            }

            int close = text.IndexOf(SearchProtocol.InformationClose, start, StringComparison.Ordinal);
            at = close < 0 ? text.Length : close + SearchProtocol.InformationClose.Length;
            blocks.Add((start, at));
        }

        return blocks;
    }

    /// <summary>For each token whether it carries loss (m_i of the paper).</summary>
    /// <param name="text">What was tokenised.</param>
    /// <param name="offsets">Character range of each token, end exclusive.</param>
    public static bool[] Learned(string text, ReadOnlySpan<(int Start, int End)> offsets)
    {
        IReadOnlyList<(int Start, int End)> blocks = Blocks(text);
        bool[] learned = new bool[offsets.Length];
        for (int i = 0; i < offsets.Length; i++)
        {
            (int start, int end) = offsets[i];
            learned[i] = true;
            foreach ((int blockStart, int blockEnd) in blocks)
            {
                learned[i] &= !(start < blockEnd && end > blockStart);
            }
        }

        return learned;
    }
}
