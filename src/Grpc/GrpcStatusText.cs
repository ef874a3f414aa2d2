using System.Text;

namespace PixSearch.Grpc;

/// <summary>
/// The percent encoding of <c>grpc-message</c>: only bytes outside 0x20-0x7E and '%' are encoded.
/// <c>Uri.EscapeDataString</c> would
/// encode more, and clients that decode with <c>decodeURI</c> (grpc-js) would then show "%3A" to people.
/// </summary>
internal static class GrpcStatusText
{
    /// <summary>Longest message in bytes; trailers have to fit into the peer's header list limit (often 8
    /// KiB).</summary>
    internal const int MessageBytesMax = 2048;

    private const string Hex = "0123456789ABCDEF";

    /// <summary>Text to wire form, cut at a character once it is longer than <see cref="MessageBytesMax"/>.</summary>
    internal static string Encode(string message)
    {
        var wire = new StringBuilder(message.Length);
        Span<byte> utf8 = stackalloc byte[4];
        foreach (Rune rune in message.EnumerateRunes())
        {
            if (wire.Length > MessageBytesMax - 12)
            {
                break;
            }

            int count = rune.EncodeToUtf8(utf8);
            foreach (byte value in utf8[..count])
            {
                if (value is >= 0x20 and <= 0x7E && value != (byte)'%')
                {
                    wire.Append((char)value);
                }
                else
                {
                    wire.Append('%').Append(Hex[value >> 4]).Append(Hex[value & 15]);
                }
            }
        }

        return wire.ToString();
    }

    /// <summary>Wire form to text; a broken escape stays as it is, as the protocol asks.</summary>
    internal static string Decode(string wire)
    {
        if (!wire.Contains('%', StringComparison.Ordinal))
        {
            return wire;
        }

        var bytes = new List<byte>(wire.Length);
        for (int i = 0; i < wire.Length; i++)
        {
            if (wire[i] == '%' && i + 2 < wire.Length && char.IsAsciiHexDigit(wire[i + 1])
                && char.IsAsciiHexDigit(wire[i + 2]))
            {
                bytes.Add(Convert.FromHexString(wire.AsSpan(i + 1, 2))[0]);
                i += 2;
            }
            else
            {
                bytes.AddRange(Encoding.UTF8.GetBytes(wire, i, 1));
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }
}
