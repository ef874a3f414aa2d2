using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using PixSearch.Abstractions;

namespace PixSearch.Models.Tokenizers;

/// <summary>What becomes of the matches of a split pattern.</summary>
internal enum SplitBehavior
{
    /// <summary>Matches and the text between them are pieces.</summary>
    Isolated,

    /// <summary>Only the text between matches is kept.</summary>
    Removed,

    /// <summary>A match belongs to the text before it.</summary>
    MergedWithPrevious,

    /// <summary>A match belongs to the text after it.</summary>
    MergedWithNext,
}

/// <summary>
/// Splits text with a pattern over Unicode characters. .NET's expressions see UTF-16 units, for which a character
/// beyond U+FFFF is two surrogates and no letter; so each such character is replaced by one of the same general
/// category before matching.
/// </summary>
internal sealed partial class RegexSplitter
{
    /// <summary>GPT-2.</summary>
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>Qwen 2 and later, and the project's own models: as GPT-4, with digits one by one.</summary>
    public const string QwenPattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
        + @" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>GPT-4 (cl100k) and Llama 3.</summary>
    public const string Gpt4Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
        + @" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    // Patterns come from model files: one that backtracks without end must not hold a thread for ever.
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private readonly Regex _regex;
    private readonly SplitBehavior _behavior;
    private readonly bool _invert;

    /// <summary>
    /// A splitter; throws <see cref="PixException"/> (BrokenArtifact) for a pattern that .NET does not know.
    /// </summary>
    public RegexSplitter(string pattern, SplitBehavior behavior, bool invert)
    {
        _behavior = behavior;
        _invert = invert;
        _regex = pattern switch
        {
            Gpt2Pattern => Gpt2Regex(),
            QwenPattern => QwenRegex(),
            Gpt4Pattern => Gpt4Regex(),
            _ => Compile(pattern),
        };
    }

    /// <summary>Calls <paramref name="piece"/> with each piece [start, end) in order.</summary>
    public void Split(string text, Action<int, int> piece)
    {
        (string shadow, int[]? units) = MakeShadow(text);
        var merger = new PieceMerger(_behavior, piece);
        int done = 0;
        try
        {
            foreach (ValueMatch match in _regex.EnumerateMatches(shadow))
            {
                int start = units?[match.Index] ?? match.Index;
                int end = units?[match.Index + match.Length] ?? match.Index + match.Length;
                merger.Add(done, start, _invert);
                merger.Add(start, end, !_invert);
                done = end;
            }
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"A text of {text.Length} characters took longer than "
                + $"{s_timeout.TotalSeconds} s to split with the tokenizer's pattern; send a shorter one.", error);
        }

        merger.Add(done, text.Length, _invert);
        merger.Finish();
    }

    /// <summary>
    /// The text with one unit a character, and the unit of the original at which each begins (plus its length); null
    /// when nothing had to be replaced.
    /// </summary>
    internal static (string Shadow, int[]? Units) MakeShadow(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            return (text, null);
        }

        var shadow = new StringBuilder(text.Length);
        var units = new List<int>(text.Length + 1);
        for (int at = 0; at < text.Length;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(at), out Rune rune, out int length);
            shadow.Append(rune.IsBmp ? (char)rune.Value : StandIn(Rune.GetUnicodeCategory(rune)));
            units.Add(at);
            at += length;
        }

        units.Add(text.Length);
        return (shadow.ToString(), [.. units]);
    }

    /// <summary>A rare character of the category, below U+10000.</summary>
    internal static char StandIn(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\uA640',
        UnicodeCategory.LowercaseLetter => '\uA641',
        UnicodeCategory.TitlecaseLetter => '\u1F88',
        UnicodeCategory.ModifierLetter => '\uA67F',
        UnicodeCategory.OtherLetter => '\uA66E',
        UnicodeCategory.NonSpacingMark => '\uA66F',
        UnicodeCategory.SpacingCombiningMark => '\uA823',
        UnicodeCategory.EnclosingMark => '\uA670',
        UnicodeCategory.DecimalDigitNumber => '\uA620',
        UnicodeCategory.LetterNumber => '\uA6E6',
        UnicodeCategory.OtherNumber => '\uA830',
        UnicodeCategory.ConnectorPunctuation => '\uFE33',
        UnicodeCategory.DashPunctuation => '\uFE31',
        UnicodeCategory.OpenPunctuation => '\uFE35',
        UnicodeCategory.ClosePunctuation => '\uFE36',
        UnicodeCategory.InitialQuotePunctuation => '\u2E02',
        UnicodeCategory.FinalQuotePunctuation => '\u2E03',
        UnicodeCategory.OtherPunctuation => '\uA673',
        UnicodeCategory.MathSymbol => '\u2A00',
        UnicodeCategory.CurrencySymbol => '\uA838',
        UnicodeCategory.ModifierSymbol => '\uA700',
        UnicodeCategory.OtherSymbol => '\uA828',
        UnicodeCategory.Format => '\u2061',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\u0378', // not assigned
    };

    private static Regex Compile(string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, s_timeout);
        }
        catch (ArgumentException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"The tokenizer's split pattern is not supported: {error.Message}", error);
        }
    }

    [GeneratedRegex(Gpt2Pattern, RegexOptions.CultureInvariant)]
    private static partial Regex Gpt2Regex();

    [GeneratedRegex(QwenPattern, RegexOptions.CultureInvariant)]
    private static partial Regex QwenRegex();

    [GeneratedRegex(Gpt4Pattern, RegexOptions.CultureInvariant)]
    private static partial Regex Gpt4Regex();

    /// <summary>Joins or drops matches as the behaviour says.</summary>
    private struct PieceMerger(SplitBehavior behavior, Action<int, int> piece)
    {
        private int _start = -1;
        private int _end;

        public void Add(int start, int end, bool isMatch)
        {
            if (start == end)
            {
                return;
            }

            switch (behavior)
            {
                case SplitBehavior.Isolated:
                    piece(start, end);
                    break;
                case SplitBehavior.Removed when !isMatch:
                    piece(start, end);
                    break;
                case SplitBehavior.MergedWithPrevious:
                    Hold(start, end);
                    if (isMatch)
                    {
                        Finish();
                    }

                    break;
                case SplitBehavior.MergedWithNext:
                    if (isMatch)
                    {
                        Finish();
                    }

                    Hold(start, end);
                    break;
            }
        }

        public void Finish()
        {
            if (_start >= 0)
            {
                piece(_start, _end);
                _start = -1;
            }
        }

        private void Hold(int start, int end)
        {
            _start = _start < 0 ? start : _start;
            _end = end;
        }
    }
}
