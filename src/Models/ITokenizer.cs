namespace PixSearch.Models;

/// <summary>Text to token ids and back.</summary>
public interface ITokenizer
{
    /// <summary>Number of ids, added tokens included.</summary>
    int VocabularySize { get; }

    /// <summary>Ids of a text. Added tokens in the text become their ids; no begin or end token is put in unless
    /// asked for.</summary>
    int[] Encode(string text, bool addSpecialTokens = false);

    /// <summary>Ids with the characters they came from: token i covers <c>text[Offsets[i].Start ..
    /// Offsets[i].End)</c>.</summary>
    TokenizedText EncodeWithOffsets(string text, bool addSpecialTokens = false);

    /// <summary>The text of ids; invalid UTF-8 becomes U+FFFD.</summary>
    string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false);

    /// <summary>The bytes that one id stands for in the middle of a text (empty for special tokens).</summary>
    ReadOnlySpan<byte> TokenBytes(int id);

    /// <summary>The id of a token by its exact text (special and added tokens too); -1 when there is none.</summary>
    int IdOf(string token);

    /// <summary>A decoder that takes ids one by one and never gives out half a character.</summary>
    IStreamingDecoder StartDecoding(bool skipSpecialTokens = true);
}

/// <summary>Ids and the character ranges they cover.</summary>
public sealed record TokenizedText(int[] Ids, (int Start, int End)[] Offsets);

/// <summary>Turns ids into text as they come.</summary>
public interface IStreamingDecoder
{
    /// <summary>The text that is certain after this id; may be empty.</summary>
    string Push(int id);

    /// <summary>What is left at the end; unfinished characters become U+FFFD.</summary>
    string Flush();
}
