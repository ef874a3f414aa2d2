using System.Text;

namespace PixSearch.Models.Tokenizers;

/// <summary>
/// The printable stand-ins for bytes that byte-level vocabularies are written in (GPT-2, Radford et al. 2019):
/// printable Latin-1 stands for itself, the other 68 bytes for U+0100 and up.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] s_chars = MakeChars();
    private static readonly Dictionary<char, byte> s_bytes = s_chars.Select((c, i) => (c, (byte)i)).ToDictionary();

    /// <summary>The stand-in of a byte.</summary>
    public static char CharOf(byte value) => s_chars[value];

    /// <summary>A token's bytes; the UTF-8 of the text itself where it is not written in the alphabet.</summary>
    public static byte[] BytesOf(string token)
    {
        byte[] bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            if (!s_bytes.TryGetValue(token[i], out bytes[i]))
            {
                return Encoding.UTF8.GetBytes(token);
            }
        }

        return bytes;
    }

    /// <summary>Bytes written in the alphabet.</summary>
    public static string TextOf(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (byte value in bytes)
        {
            text.Append(s_chars[value]);
        }

        return text.ToString();
    }

    private static char[] MakeChars()
    {
        char[] chars = new char[256];
        int next = 256;
        for (int i = 0; i < 256; i++)
        {
            bool printable = i is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            chars[i] = (char)(printable ? i : next++);
        }

        return chars;
    }
}
