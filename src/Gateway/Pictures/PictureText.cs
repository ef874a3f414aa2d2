using System.Buffers.Text;
using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;

namespace PixSearch.Gateway.Pictures;

/// <summary>Pictures written as text in JSON: a data URL, bare base64, or a URL.</summary>
internal static class PictureText
{
    /// <summary>Throws <see cref="PixErrorKind.InvalidPicture"/> for text that is none of them, or too long.</summary>
    internal static PictureSource Parse(string? text, int bytesMax)
    {
        if (string.IsNullOrEmpty(text))
        {
            return default;
        }

        if (text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) ||
            text.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            return text.Length <= 2048
                ? new PictureSource(default, text)
                : throw Refused($"its URL has {text.Length} characters; the limit is 2048");
        }

        ReadOnlySpan<char> base64 = text;
        if (text.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            int comma = text.IndexOf(',', StringComparison.Ordinal);
            if (comma < 0 || !text.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase) ||
                !text.AsSpan(5).StartsWith("image/", StringComparison.OrdinalIgnoreCase))
            {
                throw Refused("its data URL is not 'data:image/...;base64,'");
            }

            base64 = base64[(comma + 1)..];
        }

        if (base64.Length / 4L * 3 > bytesMax)
        {
            throw Refused($"it has about {base64.Length / 4L * 3} bytes; the limit is {bytesMax} (PictureBytesMax)");
        }

        if (!Base64.IsValid(base64, out int size))
        {
            throw Refused("it is not valid base64");
        }

        byte[] bytes = new byte[size];
        return Convert.TryFromBase64Chars(base64, bytes, out int written) && written == size && size > 0
            ? new PictureSource(bytes, null)
            : throw Refused("it is not valid base64");
    }

    private static PixException Refused(string why) =>
        new(PixErrorKind.InvalidPicture, $"The picture is refused: {why}.");
}
