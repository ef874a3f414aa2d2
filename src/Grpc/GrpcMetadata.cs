using System.Buffers;
using System.Collections;

namespace PixSearch.Grpc;

/// <summary>
/// Metadata of a call: custom request headers, response headers or trailers, in order; a key may occur more than once.
/// Keys are lower case; a key that ends with <c>-bin</c> holds bytes (base64 on the wire), any other printable ASCII
/// (grpc/doc/PROTOCOL-HTTP2.md, "Custom-Metadata").
/// </summary>
public sealed class GrpcMetadata : IEnumerable<GrpcMetadata.Entry>
{
    private static readonly SearchValues<char> s_keyCharacters =
        SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyz_-.");

    private readonly List<Entry> _entries = [];

    /// <summary>One entry; <see cref="Bytes"/> only for <c>-bin</c> keys, where <see cref="Text"/> is empty.</summary>
    public sealed record Entry(string Key, string Text, ReadOnlyMemory<byte> Bytes);

    /// <summary>Number of entries.</summary>
    public int Count => _entries.Count;

    /// <summary>Adds text; throws <see cref="ArgumentException"/> for a key or value that cannot travel.</summary>
    public void Add(string key, string value)
    {
        CheckKey(key, binary: false);
        if (value.AsSpan().IndexOfAnyExceptInRange(' ', '~') >= 0)
        {
            throw new ArgumentException(
                $"Metadata '{key}' holds a character outside printable ASCII; use a '-bin' key.");
        }

        _entries.Add(new Entry(key, value, default));
    }

    /// <summary>Adds bytes under a key that ends with <c>-bin</c>.</summary>
    public void Add(string key, ReadOnlyMemory<byte> value)
    {
        CheckKey(key, binary: true);
        _entries.Add(new Entry(key, "", value));
    }

    /// <summary>The first text under that key; null when there is none.</summary>
    public string? GetText(string key) => _entries.Find(entry => entry.Key == key)?.Text;

    /// <summary>The first bytes under that key; null when there are none.</summary>
    public ReadOnlyMemory<byte>? GetBytes(string key) => _entries.Find(entry => entry.Key == key)?.Bytes;

    /// <inheritdoc/>
    public IEnumerator<Entry> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>True for keys that belong to the protocol or to HTTP and are never custom metadata.</summary>
    internal static bool IsReserved(string key) =>
        key.StartsWith(':') || key.StartsWith("grpc-", StringComparison.Ordinal) ||
        key is "content-type" or "te" or "host" or "content-length" or "connection" or "transfer-encoding" or "trailer"
            or "date" or "server";

    /// <summary>
    /// Reads one HTTP header into metadata. Values that break the rules are dropped rather than failing the call, as
    /// the protocol allows; bytes come with or without padding, and joined by commas.
    /// </summary>
    internal void AddWire(string key, string value)
    {
        key = key.ToLowerInvariant();
        if (IsReserved(key))
        {
            return;
        }

        if (!key.EndsWith("-bin", StringComparison.Ordinal))
        {
            _entries.Add(new Entry(key, value, default));
            return;
        }

        foreach (string part in value.Split(','))
        {
            if (TryDecode(part.Trim(), out byte[] bytes))
            {
                _entries.Add(new Entry(key, "", bytes));
            }
        }
    }

    /// <summary>Reads all headers of a response.</summary>
    internal void AddAll(System.Net.Http.Headers.HttpHeaders headers)
    {
        foreach (var (key, values) in headers.NonValidated)
        {
            foreach (string value in values)
            {
                AddWire(key, value);
            }
        }
    }

    /// <summary>The value of an entry as it travels.</summary>
    internal static string WireValue(Entry entry) =>
        entry.Key.EndsWith("-bin", StringComparison.Ordinal) ? Encode(entry.Bytes.Span) : entry.Text;

    /// <summary>Base64 without padding, as senders should write it.</summary>
    internal static string Encode(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    /// <summary>Base64 with or without padding.</summary>
    internal static bool TryDecode(string text, out byte[] bytes)
    {
        string bare = text.TrimEnd('=');
        string padded = bare.PadRight((bare.Length + 3) / 4 * 4, '=');
        bytes = new byte[padded.Length / 4 * 3];
        if (!Convert.TryFromBase64String(padded, bytes, out int written))
        {
            bytes = [];
            return false;
        }

        Array.Resize(ref bytes, written);
        return true;
    }

    private static void CheckKey(string key, bool binary)
    {
        if (key.Length == 0 || key.AsSpan().ContainsAnyExcept(s_keyCharacters) || IsReserved(key))
        {
            throw new ArgumentException(
                $"'{key}' cannot be a metadata key (lower-case letters, digits, '_', '-', '.').");
        }

        if (key.EndsWith("-bin", StringComparison.Ordinal) != binary)
        {
            throw new ArgumentException($"Metadata '{key}': keys that end with '-bin' hold bytes, all others text.");
        }
    }
}
