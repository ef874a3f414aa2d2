using PixSearch.Abstractions;

namespace PixSearch.Models.Tokenizers;

/// <summary>
/// A text on its way through the tokenizer, with the range of the original text that each of its UTF-16 units came
/// from. A unit that was put in (the dummy prefix) has an empty range.
/// </summary>
internal sealed class AlignedText
{
    private readonly int _base;
    private readonly int[]? _starts;
    private readonly int[]? _ends;

    /// <summary>A piece of the original text that begins there.</summary>
    public AlignedText(string text, int start)
    {
        Text = text;
        _base = start;
    }

    /// <summary>A changed text; the arrays have one entry a unit.</summary>
    public AlignedText(string text, int[] starts, int[] ends)
    {
        Text = text;
        _starts = starts;
        _ends = ends;
    }

    /// <summary>The units.</summary>
    public string Text { get; }

    /// <summary>The range of the original that units [start, end) came from.</summary>
    public (int Start, int End) Source(int start, int end)
    {
        if (_starts is null || _ends is null)
        {
            return (_base + start, _base + end);
        }

        if (start == end)
        {
            int at = start < _starts.Length ? _starts[start] : _ends.Length > 0 ? _ends[^1] : 0;
            return (at, at);
        }

        return (_starts[start], Math.Max(_starts[start], _ends[end - 1]));
    }

    /// <summary>Units [start, end) as a text of their own.</summary>
    public AlignedText Slice(int start, int end)
    {
        if (start == 0 && end == Text.Length)
        {
            return this;
        }

        return _starts is null || _ends is null
            ? new AlignedText(Text[start..end], _base + start)
            : new AlignedText(Text[start..end], _starts[start..end], _ends[start..end]);
    }
}

/// <summary>
/// Collects units with their sources. A text that grows beyond all measure is refused: a damaged tokenizer may replace
/// a letter by a megabyte, or double it thirty times.
/// </summary>
internal sealed class AlignedTextBuilder(AlignedText from)
{
    // Normal form C triples a text at most, marks for spaces do the same in bytes only.
    private const long GrowthMax = 16;
    private const long GrowthFree = 4096;

    private readonly long _lengthMax = GrowthFree + (GrowthMax * LengthOf(from));
    private readonly System.Text.StringBuilder _text = new(from.Text.Length + 8);
    private readonly List<int> _starts = new(from.Text.Length + 8);
    private readonly List<int> _ends = new(from.Text.Length + 8);

    /// <summary>Text that stands for units [start, end) of the text it is made from.</summary>
    public void Append(ReadOnlySpan<char> text, int start, int end)
    {
        (int sourceStart, int sourceEnd) = from.Source(start, end);
        if (_text.Length + (long)text.Length > _lengthMax)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"The tokenizer's normaliser makes over {_lengthMax} "
                + $"characters of {LengthOf(from)}; correct its file.");
        }

        _text.Append(text);
        for (int i = 0; i < text.Length; i++)
        {
            _starts.Add(sourceStart);
            _ends.Add(sourceEnd);
        }
    }

    /// <summary>Units [start, end) as they are.</summary>
    public void Copy(int start, int end)
    {
        _text.Append(from.Text, start, end - start);
        for (int i = start; i < end; i++)
        {
            (int sourceStart, int sourceEnd) = from.Source(i, i + 1);
            _starts.Add(sourceStart);
            _ends.Add(sourceEnd);
        }
    }

    /// <summary>The collected text.</summary>
    public AlignedText Build() => new(_text.ToString(), [.. _starts], [.. _ends]);

    private static int LengthOf(AlignedText text)
    {
        (int start, int end) = text.Source(0, text.Text.Length);
        return end - start;
    }
}
