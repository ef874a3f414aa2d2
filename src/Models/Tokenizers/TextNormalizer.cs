using System.Text;

namespace PixSearch.Models.Tokenizers;

/// <summary>A change of the text between added tokens before it is split and merged.</summary>
internal abstract class TextNormalizer
{
    /// <summary>The changed text, aligned with the same original.</summary>
    public abstract AlignedText Apply(AlignedText text);

    /// <summary>Several, one after the other.</summary>
    public sealed class Sequence(IReadOnlyList<TextNormalizer> steps) : TextNormalizer
    {
        public override AlignedText Apply(AlignedText text)
        {
            foreach (TextNormalizer step in steps)
            {
                text = step.Apply(text);
            }

            return text;
        }
    }

    /// <summary>Puts a text in front of every text that is not empty (LLaMA's dummy prefix).</summary>
    public sealed class Prepend(string prefix) : TextNormalizer
    {
        public override AlignedText Apply(AlignedText text)
        {
            if (text.Text.Length == 0)
            {
                return text;
            }

            var builder = new AlignedTextBuilder(text);
            builder.Append(prefix, 0, 0);
            builder.Copy(0, text.Text.Length);
            return builder.Build();
        }
    }

    /// <summary>Replaces every occurrence of a text.</summary>
    public sealed class Replace(string pattern, string content) : TextNormalizer
    {
        public override AlignedText Apply(AlignedText text)
        {
            if (pattern.Length == 0 || !text.Text.Contains(pattern, StringComparison.Ordinal))
            {
                return text;
            }

            var builder = new AlignedTextBuilder(text);
            int done = 0;
            int at;
            while ((at = text.Text.IndexOf(pattern, done, StringComparison.Ordinal)) >= 0)
            {
                builder.Copy(done, at);
                builder.Append(content, at, at + pattern.Length);
                done = at + pattern.Length;
            }

            builder.Copy(done, text.Text.Length);
            return builder.Build();
        }
    }

    /// <summary>
    /// Unicode normalisation form C. Characters that are changed together (a base with its marks, Hangul letters) are
    /// aligned together.
    /// </summary>
    public sealed class Nfc : TextNormalizer
    {
        public override AlignedText Apply(AlignedText text)
        {
            string before = text.Text;
            // Below U+0300 nothing decomposes without being composed again.
            if (before.AsSpan().IndexOfAnyExceptInRange('\0', '\u02FF') < 0)
            {
                return text;
            }

            var builder = new AlignedTextBuilder(text);
            bool changed = false;
            var normalized = new StringBuilder();
            for (int start = 0; start < before.Length;)
            {
                int end = UnicodeNfc.NextBoundary(before, start);
                ReadOnlySpan<char> segment = before.AsSpan(start, end - start);
                normalized.Clear();
                UnicodeNfc.NormalizeSegment(segment, normalized);
                string result = normalized.ToString();
                if (segment.SequenceEqual(result))
                {
                    builder.Copy(start, end);
                }
                else
                {
                    changed = true;
                    builder.Append(result, start, end);
                }

                start = end;
            }

            return changed ? builder.Build() : text;
        }
    }
}
