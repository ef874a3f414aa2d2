using System.Globalization;
using System.Text;

namespace PixSearch.Models.Tokenizers;

/// <summary>
/// A byte-pair tokenizer: added tokens are split off, the text between them is normalised, cut into words and merged.
/// Made by <see cref="TokenizerJson"/> or <see cref="SentencePieceFile"/>; safe to share between threads.
/// </summary>
public sealed class BpeTokenizer : ITokenizer
{
    private readonly BpeModel _model;
    private readonly AddedTokens _rawTokens;
    private readonly AddedTokens? _normalizedTokens;
    private readonly TextNormalizer? _normalizer;
    private readonly PreTokenizer? _preTokenizer;
    private readonly int[] _prefixIds;
    private readonly int[] _suffixIds;
    private readonly byte[][] _bytes;
    private readonly bool[] _special;
    private readonly Dictionary<string, int> _addedIds;

    internal BpeTokenizer(TokenizerParts parts)
    {
        _model = parts.Model;
        _normalizer = parts.Normalizer;
        _preTokenizer = parts.PreTokenizer;
        _prefixIds = parts.PrefixIds;
        _suffixIds = parts.SuffixIds;
        StripsFirstSpace = parts.StripsFirstSpace;
        AddedTokens = [.. parts.Added.OrderBy(token => token.Id)];
        _rawTokens = new AddedTokens(parts.Added.Where(token => !token.Normalized));
        AddedToken[] normalized = [.. parts.Added.Where(token => token.Normalized).Select(NormalizeContent)];
        _normalizedTokens = normalized.Length > 0 ? new AddedTokens(normalized) : null;
        _addedIds = new Dictionary<string, int>(StringComparer.Ordinal);

        int highest = -1;
        foreach (int id in _model.Ids.Values)
        {
            highest = Math.Max(highest, id);
        }

        highest = Math.Max(highest, parts.Added.Select(token => token.Id).DefaultIfEmpty(-1).Max());
        VocabularySize = highest + 1;
        _bytes = new byte[VocabularySize][];
        _special = new bool[VocabularySize];
        FillBytes(parts);
    }

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <summary>Tokens looked for in the text itself, by id.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; }

    /// <summary>Whether decoding drops one space at the very beginning (SentencePiece's dummy prefix).</summary>
    public bool StripsFirstSpace { get; }

    /// <inheritdoc/>
    public int[] Encode(string text, bool addSpecialTokens = false)
    {
        var ids = new List<int>(text.Length / 3 + 4);
        Run(text, addSpecialTokens, (id, _, _) => ids.Add(id));
        return [.. ids];
    }

    /// <inheritdoc/>
    public TokenizedText EncodeWithOffsets(string text, bool addSpecialTokens = false)
    {
        var ids = new List<int>();
        var offsets = new List<(int Start, int End)>();
        Run(text, addSpecialTokens, (id, start, end) =>
        {
            ids.Add(id);
            offsets.Add((start, end));
        });
        return new TokenizedText([.. ids], [.. offsets]);
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        IStreamingDecoder decoder = StartDecoding(skipSpecialTokens);
        var text = new StringBuilder();
        foreach (int id in ids)
        {
            text.Append(decoder.Push(id));
        }

        return text.Append(decoder.Flush()).ToString();
    }

    /// <inheritdoc/>
    public ReadOnlySpan<byte> TokenBytes(int id) => IsKnown(id) && !_special[id] ? _bytes[id] : [];

    /// <inheritdoc/>
    public int IdOf(string token) =>
        _addedIds.TryGetValue(token, out int id) ? id : _model.Ids.GetValueOrDefault(token, -1);

    /// <inheritdoc/>
    public IStreamingDecoder StartDecoding(bool skipSpecialTokens = true) =>
        new StreamingDecoder(this, skipSpecialTokens);

    /// <summary>
    /// What an id adds to decoded text: special tokens their own text unless they are skipped; unknown ids nothing.
    /// </summary>
    internal ReadOnlySpan<byte> DecodedBytes(int id, bool skipSpecialTokens) =>
        !IsKnown(id) || (_special[id] && skipSpecialTokens) ? [] : _bytes[id];

    private bool IsKnown(int id) => (uint)id < (uint)_bytes.Length && _bytes[id] is not null;

    private AddedToken NormalizeContent(AddedToken token) =>
        _normalizer is null
            ? token
            : token with { Content = _normalizer.Apply(new AlignedText(token.Content, 0)).Text };

    private void FillBytes(TokenizerParts parts)
    {
        foreach ((string text, int id) in _model.Ids)
        {
            _bytes[id] = _model.Alphabet == BpeAlphabet.Bytes ? ByteAlphabet.BytesOf(text) : PieceBytes(text);
        }

        foreach (AddedToken token in parts.Added)
        {
            _bytes[token.Id] = Encoding.UTF8.GetBytes(token.Content);
            _special[token.Id] = token.Special;
            _addedIds[token.Content] = token.Id;
        }
    }

    private byte[] PieceBytes(string piece)
    {
        bool isByte = _model.ByteFallback && piece.Length == 6 && piece[5] == '>'
            && piece.StartsWith("<0x", StringComparison.Ordinal);
        if (isByte && byte.TryParse(piece.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, null, out byte value))
        {
            return [value];
        }

        return Encoding.UTF8.GetBytes(piece.Replace('\u2581', ' '));
    }

    private void Run(string text, bool addSpecialTokens, Action<int, int, int> emit)
    {
        if (addSpecialTokens)
        {
            foreach (int id in _prefixIds)
            {
                emit(id, 0, 0);
            }
        }

        var words = new List<AlignedText>();
        var tokens = new List<BpeToken>();
        _rawTokens.Split(text, (start, end, token) =>
        {
            if (token is not null)
            {
                emit(token.Id, start, end);
                return;
            }

            RunText(new AlignedText(text[start..end], start), start == 0, words, tokens, emit);
        });

        if (addSpecialTokens)
        {
            foreach (int id in _suffixIds)
            {
                emit(id, text.Length, text.Length);
            }
        }
    }

    private void RunText(AlignedText text, bool first, List<AlignedText> words, List<BpeToken> tokens,
        Action<int, int, int> emit)
    {
        AlignedText normalized = _normalizer?.Apply(text) ?? text;
        if (_normalizedTokens is null)
        {
            RunNormalized(normalized, first, words, tokens, emit);
            return;
        }

        _normalizedTokens.Split(normalized.Text, (start, end, token) =>
        {
            if (token is not null)
            {
                (int sourceStart, int sourceEnd) = normalized.Source(start, end);
                emit(token.Id, sourceStart, sourceEnd);
                return;
            }

            RunNormalized(normalized.Slice(start, end), first && start == 0, words, tokens, emit);
        });
    }

    private void RunNormalized(AlignedText text, bool first, List<AlignedText> words, List<BpeToken> tokens,
        Action<int, int, int> emit)
    {
        words.Clear();
        if (_preTokenizer is null)
        {
            words.Add(text);
        }
        else
        {
            _preTokenizer.Apply(text, first, words);
        }

        foreach (AlignedText word in words)
        {
            tokens.Clear();
            _model.Encode(word.Text, tokens);
            foreach (BpeToken token in tokens)
            {
                (int start, int end) = word.Source(token.Start, token.End);
                emit(token.Id, start, end);
            }
        }
    }
}

/// <summary>What a <see cref="BpeTokenizer"/> is put together from.</summary>
internal sealed class TokenizerParts
{
    public required BpeModel Model { get; init; }

    public required IReadOnlyList<AddedToken> Added { get; init; }

    public TextNormalizer? Normalizer { get; init; }

    public PreTokenizer? PreTokenizer { get; init; }

    public int[] PrefixIds { get; init; } = [];

    public int[] SuffixIds { get; init; } = [];

    public bool StripsFirstSpace { get; init; }
}
