using System.Text;

namespace PixSearch.Models.Tokenizers;

/// <summary>
/// Bytes of tokens to text as they come. Bytes that may still become a character are held back (at most three).
/// </summary>
internal sealed class StreamingDecoder(BpeTokenizer tokenizer, bool skipSpecialTokens) : IStreamingDecoder
{
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private bool _atStart = tokenizer.StripsFirstSpace;

    /// <inheritdoc/>
    public string Push(int id)
    {
        ReadOnlySpan<byte> bytes = tokenizer.DecodedBytes(id, skipSpecialTokens);
        if (bytes.IsEmpty)
        {
            return "";
        }

        if (_atStart)
        {
            _atStart = false;
            bytes = bytes[0] == (byte)' ' ? bytes[1..] : bytes;
        }

        return Decode(bytes, flush: false);
    }

    /// <inheritdoc/>
    public string Flush() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        int count = _utf8.GetCharCount(bytes, flush);
        if (count == 0)
        {
            // Still to be called: it is what takes in the bytes that are held back.
            _utf8.GetChars(bytes, [], flush);
            return "";
        }

        char[] chars = new char[count];
        _utf8.GetChars(bytes, chars, flush);
        return new string(chars);
    }
}
