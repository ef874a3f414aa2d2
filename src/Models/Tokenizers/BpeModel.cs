using System.Buffers;
using System.Collections.Concurrent;
using System.Text;

namespace PixSearch.Models.Tokenizers;

/// <summary>How a <see cref="BpeModel"/> cuts a word before merging.</summary>
internal enum BpeAlphabet
{
    /// <summary>UTF-8 bytes, written in <see cref="ByteAlphabet"/>: GPT-2, Qwen, Llama 3.</summary>
    Bytes,

    /// <summary>
    /// Characters; those without a token become <c>&lt;0xNN&gt;</c> tokens of their UTF-8 bytes: LLaMA.
    /// </summary>
    Characters,
}

/// <summary>One token of a word: units [Start, End) of it.</summary>
internal readonly record struct BpeToken(int Id, int Start, int End);

/// <summary>
/// A byte-pair vocabulary. A byte-level token that holds part of a character covers the whole character's units, so
/// neighbours may cover the same ones.
/// </summary>
internal sealed class BpeModel
{
    // Words repeat; long ones rarely do. The bounds keep the cache below about 10 MB.
    private const int CachedWordLengthMax = 40;
    private const int CachedWordsMax = 20_000;

    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<ulong, BpeMerge> _merges;
    private readonly int[] _byteIds;
    private readonly ConcurrentDictionary<string, BpeToken[]> _cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, BpeToken[]>.AlternateLookup<ReadOnlySpan<char>> _cacheBySpan;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;
    private int _cached;

    /// <summary>A model over a vocabulary as written in its file.</summary>
    public BpeModel(BpeAlphabet alphabet, Dictionary<string, int> ids, Dictionary<ulong, BpeMerge> merges)
    {
        Alphabet = alphabet;
        _ids = ids;
        _merges = merges;
        _cacheBySpan = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
        _idsBySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _byteIds = new int[256];
        for (int i = 0; i < 256; i++)
        {
            string name = alphabet == BpeAlphabet.Bytes ? ByteAlphabet.CharOf((byte)i).ToString() : $"<0x{i:X2}>";
            _byteIds[i] = ids.GetValueOrDefault(name, -1);
        }
    }

    /// <summary>Bytes or characters.</summary>
    public BpeAlphabet Alphabet { get; }

    /// <summary>Ids by text as in the file.</summary>
    public IReadOnlyDictionary<string, int> Ids => _ids;

    /// <summary>Id for what has no token; -1: it is left out.</summary>
    public int UnknownId { get; init; } = -1;

    /// <summary>Whether neighbouring unknowns become one.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary>Whether characters without a token fall back to byte tokens.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Whether a word that is a token as a whole is taken as it is, without merging (Llama 3).</summary>
    public bool WholeWordsFirst { get; init; }

    /// <summary>
    /// SentencePiece's user-defined pieces: taken whole wherever they occur, never merged; null for none.
    /// </summary>
    public AddedTokens? FrozenPieces { get; init; }

    /// <summary>Appends the tokens of a word.</summary>
    public void Encode(ReadOnlySpan<char> word, List<BpeToken> tokens)
    {
        bool cacheable = word.Length <= CachedWordLengthMax;
        if (cacheable && _cacheBySpan.TryGetValue(word, out BpeToken[]? known))
        {
            tokens.AddRange(known);
            return;
        }

        int before = tokens.Count;
        EncodeUncached(word, tokens);
        if (cacheable && Volatile.Read(ref _cached) < CachedWordsMax)
        {
            Interlocked.Increment(ref _cached);
            _cacheBySpan[word] = tokens.GetRange(before, tokens.Count - before).ToArray();
        }
    }

    private void EncodeUncached(ReadOnlySpan<char> word, List<BpeToken> tokens)
    {
        if (WholeWordsFirst && TryWholeWord(word, out int whole))
        {
            tokens.Add(new BpeToken(whole, 0, word.Length));
            return;
        }

        // Neither alphabet gives more symbols than the word has bytes.
        BpeSymbol[] symbols = ArrayPool<BpeSymbol>.Shared.Rent(Math.Max(1, Encoding.UTF8.GetByteCount(word)));
        int count = Alphabet == BpeAlphabet.Bytes ? CutBytes(word, symbols) : CutCharacters(word, symbols);
        if (count > 0)
        {
            BpeMerger.Merge(symbols.AsSpan(0, count), _merges);
            for (int i = 0; i >= 0; i = symbols[i].Next)
            {
                Emit(symbols[i], tokens);
            }
        }

        ArrayPool<BpeSymbol>.Shared.Return(symbols);
    }

    private bool TryWholeWord(ReadOnlySpan<char> word, out int id)
    {
        if (Alphabet == BpeAlphabet.Characters)
        {
            return _idsBySpan.TryGetValue(word, out id);
        }

        byte[] bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(word.Length));
        int count = Encoding.UTF8.GetBytes(word, bytes);
        bool found = _ids.TryGetValue(ByteAlphabet.TextOf(bytes.AsSpan(0, count)), out id);
        ArrayPool<byte>.Shared.Return(bytes);
        return found;
    }

    private void Emit(BpeSymbol symbol, List<BpeToken> tokens)
    {
        if (symbol.Id < 0)
        {
            return;
        }

        if (symbol.Id == UnknownId && FuseUnknown && tokens.Count > 0 && tokens[^1].Id == UnknownId
            && tokens[^1].End == symbol.Start)
        {
            tokens[^1] = tokens[^1] with { End = symbol.End };
            return;
        }

        tokens.Add(new BpeToken(symbol.Id, symbol.Start, symbol.End));
    }

    private int CutBytes(ReadOnlySpan<char> word, BpeSymbol[] symbols)
    {
        int count = 0;
        Span<byte> bytes = stackalloc byte[4];
        for (int at = 0; at < word.Length;)
        {
            // Half a surrogate pair becomes U+FFFD, as in every UTF-8 encoder.
            Rune.DecodeFromUtf16(word[at..], out Rune rune, out int units);
            int length = rune.EncodeToUtf8(bytes);
            for (int i = 0; i < length; i++)
            {
                int id = _byteIds[bytes[i]] >= 0 ? _byteIds[bytes[i]] : UnknownId;
                if (id >= 0)
                {
                    symbols[count++] = new BpeSymbol { Id = id, Start = at, End = at + units };
                }
            }

            at += units;
        }

        return count;
    }

    private int CutCharacters(ReadOnlySpan<char> word, BpeSymbol[] symbols)
    {
        if (FrozenPieces is null)
        {
            return CutCharacters(word, 0, symbols, 0);
        }

        int count = 0;
        string text = word.ToString();
        FrozenPieces.Split(text, (start, end, piece) =>
        {
            if (piece is null)
            {
                count = CutCharacters(text.AsSpan(start, end - start), start, symbols, count);
            }
            else
            {
                symbols[count++] = new BpeSymbol { Id = piece.Id, Start = start, End = end, Frozen = true };
            }
        });
        return count;
    }

    private int CutCharacters(ReadOnlySpan<char> word, int offset, BpeSymbol[] symbols, int count)
    {
        Span<byte> bytes = stackalloc byte[4];
        for (int at = 0; at < word.Length;)
        {
            OperationStatus status = Rune.DecodeFromUtf16(word[at..], out Rune rune, out int units);
            int start = offset + at;
            int end = start + units;
            bool known = _idsBySpan.TryGetValue(status == OperationStatus.Done ? word.Slice(at, units) : "\uFFFD",
                out int id);
            int length = known ? 0 : rune.EncodeToUtf8(bytes);
            at += units;
            if (known)
            {
                symbols[count++] = new BpeSymbol { Id = id, Start = start, End = end };
            }
            else if (ByteFallback && HasBytes(bytes[..length]))
            {
                for (int i = 0; i < length; i++)
                {
                    symbols[count++] = new BpeSymbol { Id = _byteIds[bytes[i]], Start = start, End = end };
                }
            }
            else if (UnknownId >= 0)
            {
                symbols[count++] = new BpeSymbol { Id = UnknownId, Start = start, End = end, Frozen = true };
            }
        }

        return count;
    }

    private bool HasBytes(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            if (_byteIds[value] < 0)
            {
                return false;
            }
        }

        return true;
    }
}
