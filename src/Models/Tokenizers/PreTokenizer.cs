namespace PixSearch.Models.Tokenizers;

/// <summary>Cuts normalised text into the words inside of which tokens are merged.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Appends the words of a piece.</summary>
    /// <param name="piece">Text between added tokens, or a word of an earlier step.</param>
    /// <param name="first">Whether the piece is the very beginning of the whole text.</param>
    /// <param name="words">Receives the words.</param>
    public abstract void Apply(AlignedText piece, bool first, List<AlignedText> words);

    /// <summary>Several, each on the words of the one before.</summary>
    public sealed class Sequence(IReadOnlyList<PreTokenizer> steps) : PreTokenizer
    {
        public override void Apply(AlignedText piece, bool first, List<AlignedText> words)
        {
            List<AlignedText> now = [piece];
            foreach (PreTokenizer step in steps)
            {
                var next = new List<AlignedText>(now.Count);
                for (int i = 0; i < now.Count; i++)
                {
                    step.Apply(now[i], first && i == 0, next);
                }

                now = next;
            }

            words.AddRange(now);
        }
    }

    /// <summary>Splits with a pattern.</summary>
    public sealed class Split(RegexSplitter splitter) : PreTokenizer
    {
        public override void Apply(AlignedText piece, bool first, List<AlignedText> words) =>
            splitter.Split(piece.Text, (start, end) => words.Add(piece.Slice(start, end)));
    }

    /// <summary>
    /// The prefix space of GPT-2's tokenizer; the bytes themselves are <see cref="BpeModel"/>'s affair.
    /// </summary>
    public sealed class PrefixSpace : PreTokenizer
    {
        public override void Apply(AlignedText piece, bool first, List<AlignedText> words) =>
            words.Add(piece.Text.StartsWith(' ') ? piece : new TextNormalizer.Prepend(" ").Apply(piece));
    }

    /// <summary>SentencePiece's marked spaces, as newer LLaMA files describe them.</summary>
    /// <param name="mark">What a space becomes.</param>
    /// <param name="prependFirst">Put the mark in front of the very beginning of the text.</param>
    /// <param name="prependAlways">Put the mark in front of every piece.</param>
    /// <param name="split">Begin a new word at each mark.</param>
    public sealed class Metaspace(string mark, bool prependFirst, bool prependAlways, bool split) : PreTokenizer
    {
        private readonly RegexSplitter _splitter = new(System.Text.RegularExpressions.Regex.Escape(mark),
            SplitBehavior.MergedWithNext, invert: false);

        public override void Apply(AlignedText piece, bool first, List<AlignedText> words)
        {
            AlignedText text = new TextNormalizer.Replace(" ", mark).Apply(piece);
            if ((prependAlways || (prependFirst && first)) && !text.Text.StartsWith(mark, StringComparison.Ordinal))
            {
                text = new TextNormalizer.Prepend(mark).Apply(text);
            }

            if (split)
            {
                _splitter.Split(text.Text, (start, end) => words.Add(text.Slice(start, end)));
            }
            else if (text.Text.Length > 0)
            {
                words.Add(text);
            }
        }
    }
}
