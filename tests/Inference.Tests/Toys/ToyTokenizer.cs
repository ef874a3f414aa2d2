using System.Text;
using PixSearch.Models;

namespace PixSearch.Inference.Toys;

/// <summary>
/// Ids 0..255 are bytes, 256 is the end token, then whatever strings a test adds (control strings as one id, or odd
/// pieces that straddle them). Encoding takes the longest added string first.
/// </summary>
internal sealed class ToyTokenizer : ITokenizer
{
    public const int End = 256;

    private readonly List<byte[]> _tokens = [];

    public ToyTokenizer(params string[] added)
    {
        for (int i = 0; i < 256; i++)
        {
            _tokens.Add([(byte)i]);
        }

        _tokens.Add([]);
        _tokens.AddRange(added.Select(Encoding.UTF8.GetBytes));
    }

    public int VocabularySize => _tokens.Count;

    public int[] Encode(string text, bool addSpecialTokens = false)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var ids = new List<int>();
        for (int at = 0; at < bytes.Length;)
        {
            int best = bytes[at];
            for (int id = End + 1; id < _tokens.Count; id++)
            {
                bool longer = _tokens[id].Length > _tokens[best].Length;
                best = longer && bytes.AsSpan(at).StartsWith(_tokens[id]) ? id : best;
            }

            ids.Add(best);
            at += _tokens[best].Length;
        }

        return [.. ids];
    }

    public TokenizedText EncodeWithOffsets(string text, bool addSpecialTokens = false) =>
        throw new NotSupportedException();

    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        var bytes = new List<byte>();
        foreach (int id in ids)
        {
            bytes.AddRange(_tokens[id]);
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    public ReadOnlySpan<byte> TokenBytes(int id) => _tokens[id];

    public int IdOf(string token) =>
        token == "</s>" ? End : _tokens.FindIndex(End + 1, bytes => Encoding.UTF8.GetString(bytes) == token);

    public IStreamingDecoder StartDecoding(bool skipSpecialTokens = true) => new Streaming(this);

    private sealed class Streaming(ToyTokenizer tokenizer) : IStreamingDecoder
    {
        private static readonly string[] s_ascii =
            [.. Enumerable.Range(0, 128).Select(code => ((char)code).ToString())];

        private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
        private bool _inside;

        public string Push(int id) => Run(tokenizer._tokens[id], flush: false);

        public string Flush() => Run([], flush: true);

        private string Run(byte[] bytes, bool flush)
        {
            // Letters cost nothing, so that a test can count what the engine allocates.
            if (bytes is [< 128] && !_inside)
            {
                return s_ascii[bytes[0]];
            }

            _inside = bytes is [.., >= 128];
            var chars = new char[bytes.Length + 4];
            return new string(chars, 0, _decoder.GetChars(bytes, 0, bytes.Length, chars, 0, flush));
        }
    }
}
