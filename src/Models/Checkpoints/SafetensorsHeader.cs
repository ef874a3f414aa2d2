using System.Text;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints;

/// <summary>A tensor and the bytes [Begin, End) of the data that hold it.</summary>
internal readonly record struct SafetensorsSlot(TensorEntry Entry, long Begin, long End);

/// <summary>
/// Parses the JSON of a safetensors file (format: huggingface.co/docs/safetensors) and refuses every header that does
/// not describe the data exactly once: overlap, hole, overflow, duplicate key, wrong length.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>Most bytes of header, as in the reference implementation.</summary>
    public const long LengthMax = 100_000_000;

    private readonly string _path;

    private SafetensorsHeader(string path) => _path = path;

    /// <summary>Tensors by name.</summary>
    public Dictionary<string, SafetensorsSlot> Slots { get; } = new(StringComparer.Ordinal);

    /// <summary>The <c>__metadata__</c> object.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Parses and checks.</summary>
    /// <param name="json">The header's bytes.</param>
    /// <param name="dataLength">Bytes that follow the header.</param>
    /// <param name="path">File, for messages.</param>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength, string path)
    {
        var header = new SafetensorsHeader(path);
        if (json.IsEmpty || json[0] != (byte)'{')
        {
            throw header.Broken("does not start with '{'");
        }

        try
        {
            header.ReadRoot(json);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            // InvalidOperationException: Utf8JsonReader.GetString on text that is not UTF-8 or half a surrogate pair.
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{path}' is not safetensors: the header is not JSON "
                + $"({error.Message.ReplaceLineEndings(" ")})", error);
        }

        header.CheckCoverage(dataLength);
        return header;
    }

    private void ReadRoot(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
        Expect(ref reader, JsonTokenType.StartObject);
        bool hasMetadata = false;
        while (Next(ref reader) != JsonTokenType.EndObject)
        {
            string name = reader.GetString()!;
            if (name == "__metadata__")
            {
                if (hasMetadata)
                {
                    throw Broken("has '__metadata__' twice");
                }

                hasMetadata = true;
                ReadMetadata(ref reader);
                continue;
            }

            SafetensorsSlot slot = ReadSlot(ref reader, name);
            if (!Slots.TryAdd(name, slot))
            {
                throw Broken($"names tensor '{Short(name)}' twice");
            }
        }

        // Only white space may follow; Read throws for anything else.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject);
        while (Next(ref reader) != JsonTokenType.EndObject)
        {
            string key = reader.GetString()!;
            Expect(ref reader, JsonTokenType.String);
            if (!Metadata.TryAdd(key, reader.GetString()!))
            {
                throw Broken($"has metadata key '{Short(key)}' twice");
            }
        }
    }

    private SafetensorsSlot ReadSlot(ref Utf8JsonReader reader, string name)
    {
        Expect(ref reader, JsonTokenType.StartObject);
        string? typeName = null;
        List<long>? sizes = null;
        List<long>? offsets = null;
        while (Next(ref reader) != JsonTokenType.EndObject)
        {
            string key = reader.GetString()!;
            switch (key)
            {
                case "dtype" when typeName is null:
                    Expect(ref reader, JsonTokenType.String);
                    typeName = reader.GetString();
                    break;
                case "shape" when sizes is null:
                    sizes = ReadNumbers(ref reader, name, key, Shape.RankMax);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(ref reader, name, key, 2);
                    break;
                default:
                    throw Broken($"has an unknown or repeated key '{Short(key)}' in tensor '{Short(name)}'");
            }
        }

        if (typeName is null || sizes is null || offsets is not { Count: 2 })
        {
            throw Broken($"lacks dtype, shape or data_offsets of tensor '{Short(name)}'");
        }

        return MakeSlot(name, typeName, sizes, offsets[0], offsets[1]);
    }

    private SafetensorsSlot MakeSlot(string name, string typeName, List<long> sizes, long begin, long end)
    {
        if (!ElementTypes.TryParse(typeName, out ElementType type))
        {
            throw Broken($"gives tensor '{Short(name)}' the unknown dtype '{Short(typeName)}'");
        }

        // The product of the sizes other than 0 is bounded too, so that a zero cannot hide an overflow beside it.
        long product = 1;
        foreach (long size in sizes)
        {
            product *= Math.Clamp(size, 1, 1L << 31);
            if (product > int.MaxValue)
            {
                throw Broken($"gives tensor '{Short(name)}' the shape [{string.Join(", ", sizes)}]: "
                    + $"over {int.MaxValue} elements");
            }
        }

        long bytes = (sizes.Contains(0) ? 0 : product) * type.Size();
        if (begin > end || end - begin != bytes)
        {
            throw Broken(
                $"gives tensor '{Short(name)}' bytes {begin}..{end}; {type}[{string.Join(", ", sizes)}] takes {bytes}");
        }

        var shape = new Shape(sizes.ConvertAll(size => (int)size).ToArray());
        return new SafetensorsSlot(new TensorEntry(name, type, shape), begin, end);
    }

    private List<long> ReadNumbers(ref Utf8JsonReader reader, string name, string key, int countMax)
    {
        Expect(ref reader, JsonTokenType.StartArray);
        var numbers = new List<long>(4);
        while (Next(ref reader) != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long value) || value < 0)
            {
                throw Broken($"has something other than whole numbers in {key} of tensor '{Short(name)}'");
            }

            if (numbers.Count == countMax)
            {
                throw Broken($"has more than {countMax} numbers in {key} of tensor '{Short(name)}'");
            }

            numbers.Add(value);
        }

        return numbers;
    }

    private void CheckCoverage(long dataLength)
    {
        SafetensorsSlot[] inOrder = [.. Slots.Values];
        Array.Sort(inOrder, (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long at = 0;
        foreach (SafetensorsSlot slot in inOrder)
        {
            if (slot.Begin != at)
            {
                string fault = slot.Begin < at ? "overlaps the tensor before it" : "leaves a hole before it";
                throw Broken(
                    $"puts tensor '{Short(slot.Entry.Name)}' at byte {slot.Begin}, which {fault} (expected {at})");
            }

            at = slot.End;
        }

        if (at != dataLength)
        {
            throw Broken($"describes {at} bytes of data; the file holds {dataLength}");
        }
    }

    private JsonTokenType Next(ref Utf8JsonReader reader)
    {
        if (!reader.Read())
        {
            throw Broken("ends early");
        }

        return reader.TokenType;
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type)
    {
        if (Next(ref reader) != type)
        {
            throw Broken($"has {reader.TokenType} at byte {reader.TokenStartIndex} where {type} was expected");
        }
    }

    private PixException Broken(string what) =>
        new(PixErrorKind.BrokenArtifact, $"'{_path}' is not valid safetensors: the header {what}.");

    // Names come from the file and may be megabytes long.
    private static string Short(string text) => text.Length <= 120 ? text : string.Concat(text.AsSpan(0, 117), "...");
}
