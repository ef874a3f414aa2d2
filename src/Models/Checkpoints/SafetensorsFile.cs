using System.Buffers.Binary;
using System.Runtime.InteropServices;
using PixSearch.Abstractions;

namespace PixSearch.Models.Checkpoints;

/// <summary>
/// A memory-mapped safetensors file. A damaged or hostile file gives <see cref="PixException"/> (BrokenArtifact).
/// </summary>
public sealed class SafetensorsFile : ITensorSource
{
    // Conversion goes through spans, whose length is an int; 2^20 elements a step keep every product in range.
    private const int ChunkElements = 1 << 20;

    private readonly MappedFile _file;
    private readonly Dictionary<string, SafetensorsSlot> _slots;
    private readonly Dictionary<string, TensorEntry> _entries;
    private readonly long _dataStart;

    /// <summary>Opens a file and checks its header; no tensor is read.</summary>
    public SafetensorsFile(string path)
    {
        _file = new MappedFile(path);
        try
        {
            long headerLength = ReadHeaderLength(path);
            _dataStart = 8 + headerLength;
            SafetensorsHeader header = SafetensorsHeader.Parse(_file.Slice(8, (int)headerLength),
                _file.Length - _dataStart, path);
            _slots = header.Slots;
            Metadata = header.Metadata;
            _entries = _slots.ToDictionary(pair => pair.Key, pair => pair.Value.Entry, StringComparer.Ordinal);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Origin => _file.Path;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorEntry> Tensors => _entries;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <inheritdoc/>
    public void ReadF32(string name, long start, Span<float> destination)
    {
        SafetensorsSlot slot = Find(name, start, destination.Length);
        int size = slot.Entry.Type.Size();
        for (int done = 0; done < destination.Length;)
        {
            int count = Math.Min(ChunkElements, destination.Length - done);
            ReadOnlySpan<byte> bytes = _file.Slice(_dataStart + slot.Begin + ((start + done) * size), count * size);
            ElementConverter.ToF32(slot.Entry.Type, bytes, destination.Slice(done, count));
            done += count;
        }
    }

    /// <inheritdoc/>
    public void ReadI64(string name, long start, Span<long> destination)
    {
        SafetensorsSlot slot = Find(name, start, destination.Length);
        ElementType type = slot.Entry.Type;
        if (type.IsFloat())
        {
            throw ElementTypes.Unreadable($"{Origin}: tensor '{name}'", type, "an integer type");
        }

        for (int done = 0; done < destination.Length;)
        {
            int count = Math.Min(ChunkElements, destination.Length - done);
            ReadOnlySpan<byte> bytes =
                _file.Slice(_dataStart + slot.Begin + ((start + done) * type.Size()), count * type.Size());
            ElementConverter.ToI64(type, bytes, destination.Slice(done, count));
            done += count;
        }
    }

    /// <summary>
    /// The numbers of an F32 tensor in the mapped file itself, without a copy; false for other storage. Valid until
    /// <see cref="Dispose"/>.
    /// </summary>
    public bool TryGetMappedF32(string name, out ReadOnlySpan<float> values)
    {
        values = default;
        SafetensorsSlot slot = Find(name, 0, 0);
        if (slot.Entry.Type != ElementType.F32 || slot.End - slot.Begin > int.MaxValue)
        {
            return false;
        }

        values = MemoryMarshal.Cast<byte, float>(_file.Slice(_dataStart + slot.Begin, (int)(slot.End - slot.Begin)));
        return true;
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose() => _file.Dispose();

    private SafetensorsSlot Find(string name, long start, int length)
    {
        TensorEntry entry = this.Entry(name);
        this.CheckRange(entry, start, length);
        return _slots[name];
    }

    private long ReadHeaderLength(string path)
    {
        if (_file.Length < 8)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{path}' is not safetensors: it has {_file.Length} bytes; the length of the header alone takes 8.");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(_file.Slice(0, 8));
        if (length > (ulong)SafetensorsHeader.LengthMax || length > (ulong)(_file.Length - 8))
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{path}' is not valid safetensors: it claims a header of {length} bytes; the file has "
                + $"{_file.Length - 8} left and {SafetensorsHeader.LengthMax} is the limit.");
        }

        return (long)length;
    }
}
