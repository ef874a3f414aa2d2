using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints;

/// <summary>
/// A tensor to be written: its numbers are asked for in pieces, so that none has to be in memory as a whole.
/// </summary>
/// <param name="Entry">Name, storage and shape in the file.</param>
/// <param name="Write">Writes elements [start, start + count) as the entry's type into the bytes.</param>
public sealed record TensorPayload(TensorEntry Entry, TensorPayload.ByteWriter Write)
{
    /// <summary>
    /// Writes <paramref name="count"/> elements from <paramref name="start"/> on into <paramref name="bytes"/>.
    /// </summary>
    public delegate void ByteWriter(long start, int count, Span<byte> bytes);

    /// <summary>Copies F32 elements [start, start + destination.Length).</summary>
    public delegate void FloatReader(long start, Span<float> destination);

    /// <summary>A tensor of floats in memory.</summary>
    public static TensorPayload Floats(string name, Shape shape, ReadOnlyMemory<float> values,
        ElementType type = ElementType.F32)
    {
        if (values.Length != shape.Count)
        {
            throw new ArgumentException(
                $"Tensor '{name}' {shape} takes {shape.Count} numbers; {values.Length} were given.");
        }

        return new TensorPayload(new TensorEntry(name, type, shape), (start, count, bytes) =>
            ElementConverter.FromF32(values.Span.Slice((int)start, count), type, bytes));
    }

    /// <summary>A tensor of integers or booleans in memory.</summary>
    public static TensorPayload Integers(string name, Shape shape, ReadOnlyMemory<long> values,
        ElementType type = ElementType.I64)
    {
        if (values.Length != shape.Count || type.IsFloat())
        {
            throw new ArgumentException($"Tensor '{name}' {type}{shape}: {values.Length} integers do not fit.");
        }

        return new TensorPayload(new TensorEntry(name, type, shape), (start, count, bytes) =>
            ElementConverter.FromI64(values.Span.Slice((int)start, count), type, bytes));
    }

    /// <summary>A tensor whose F32 numbers are read from elsewhere in pieces.</summary>
    public static TensorPayload Streamed(string name, Shape shape, ElementType type, FloatReader read) =>
        new(new TensorEntry(name, type, shape), (start, count, bytes) =>
        {
            float[] scratch = ArrayPool<float>.Shared.Rent(count);
            read(start, scratch.AsSpan(0, count));
            ElementConverter.FromF32(scratch.AsSpan(0, count), type, bytes);
            ArrayPool<float>.Shared.Return(scratch);
        });

    /// <summary>A weight's plain form.</summary>
    public static TensorPayload Of(Weight weight, ElementType type)
    {
        Tensor plain = weight.Plain
            ?? throw new InvalidOperationException(
                $"Weight '{weight.Name}' is packed; only plain weights can be written.");
        return Streamed(weight.Name, weight.Shape, type,
            (start, destination) => plain.Span.Slice((int)start, destination.Length).CopyTo(destination));
    }
}

/// <summary>
/// Writes safetensors files: to a temporary name first, then renamed, so that a reader never sees half a file.
/// </summary>
public static class SafetensorsWriter
{
    private const int ChunkElements = 1 << 16;

    /// <summary>
    /// Writes the tensors, widest elements first and then by name (the order of the reference implementation, which
    /// keeps every tensor aligned). Equal inputs give equal bytes.
    /// </summary>
    public static void Write(string path, IEnumerable<TensorPayload> tensors,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        TensorPayload[] inOrder = [.. tensors
            .OrderByDescending(tensor => tensor.Entry.Type.Size())
            .ThenBy(tensor => tensor.Entry.Name, StringComparer.Ordinal)];
        byte[] header = MakeHeader(inOrder, metadata);
        string temporary = path + ".partial";
        try
        {
            WriteAll(temporary, header, inOrder);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static void WriteAll(string path, byte[] header, TensorPayload[] inOrder)
    {
        using FileStream stream = new(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (TensorPayload tensor in inOrder)
        {
            WriteData(stream, tensor);
        }
    }

    private static void WriteData(FileStream stream, TensorPayload tensor)
    {
        int size = tensor.Entry.Type.Size();
        byte[] bytes = ArrayPool<byte>.Shared.Rent(ChunkElements * size);
        for (long start = 0; start < tensor.Entry.Shape.Count; start += ChunkElements)
        {
            int count = (int)Math.Min(ChunkElements, tensor.Entry.Shape.Count - start);
            tensor.Write(start, count, bytes.AsSpan(0, count * size));
            stream.Write(bytes, 0, count * size);
        }

        ArrayPool<byte>.Shared.Return(bytes);
    }

    private static byte[] MakeHeader(TensorPayload[] inOrder, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                {
                    json.WriteString(key, value);
                }

                json.WriteEndObject();
            }

            long at = 0;
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (TensorPayload tensor in inOrder)
            {
                if (!names.Add(tensor.Entry.Name) || tensor.Entry.Name == "__metadata__")
                {
                    throw new ArgumentException($"Tensor name '{tensor.Entry.Name}' is reserved or given twice.");
                }

                json.WriteStartObject(tensor.Entry.Name);
                json.WriteString("dtype", tensor.Entry.Type.ToString());
                json.WriteStartArray("shape");
                foreach (int dimension in tensor.Entry.Shape.ToArray())
                {
                    json.WriteNumberValue(dimension);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(at);
                at += tensor.Entry.ByteCount;
                json.WriteNumberValue(at);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        int padding = -buffer.WrittenCount & 7;
        buffer.GetSpan(8)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        if (buffer.WrittenCount > SafetensorsHeader.LengthMax)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"The header takes {buffer.WrittenCount} bytes; safetensors allows {SafetensorsHeader.LengthMax}.");
        }

        return buffer.WrittenSpan.ToArray();
    }
}
