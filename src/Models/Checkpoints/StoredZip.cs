using System.Buffers.Binary;
using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Models.Checkpoints;

/// <summary>
/// Finds the entries of a mapped zip archive whose entries are stored without compression, as PyTorch writes it (zip64
/// for files over 4 GB). System.IO.Compression does not say where an entry's bytes lie, which mapping needs.
/// </summary>
internal sealed class StoredZip
{
    private const uint EndSignature = 0x06054B50;
    private const uint End64LocatorSignature = 0x07064B50;
    private const uint End64Signature = 0x06064B50;
    private const uint CentralSignature = 0x02014B50;
    private const uint LocalSignature = 0x04034B50;
    private const int EndLength = 22;
    private const int CommentLengthMax = 65535;

    // 46 bytes and a name for each tensor: 300,000 of them.
    private const int CentralLengthMax = 32 << 20;

    private readonly MappedFile _file;
    private readonly Dictionary<string, (long Offset, long Length)> _entries = new(StringComparer.Ordinal);

    /// <summary>
    /// Reads the directory; throws <see cref="PixException"/> (BrokenArtifact) for all that is not such a zip.
    /// </summary>
    public StoredZip(MappedFile file)
    {
        _file = file;
        (long offset, long length, long count) = FindDirectory();
        if (length > CentralLengthMax)
        {
            throw Broken($"its directory takes {length} bytes; {CentralLengthMax} is the limit");
        }

        ReadDirectory(_file.Slice(offset, (int)length), count);
    }

    /// <summary>Names of all entries.</summary>
    public IEnumerable<string> Names => _entries.Keys;

    /// <summary>Where an entry's bytes lie in the file; false when there is no such entry.</summary>
    public bool TryFind(string name, out long offset, out long length)
    {
        bool found = _entries.TryGetValue(name, out (long Offset, long Length) entry);
        (offset, length) = entry;
        return found;
    }

    private (long Offset, long Length, long Count) FindDirectory()
    {
        if (_file.Length < EndLength)
        {
            throw Broken("it is too short");
        }

        int tailLength = (int)Math.Min(_file.Length, EndLength + CommentLengthMax);
        long tailStart = _file.Length - tailLength;
        ReadOnlySpan<byte> tail = _file.Slice(tailStart, tailLength);
        for (int at = tailLength - EndLength; at >= 0; at--)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(tail[at..]) == EndSignature
                && at + EndLength + BinaryPrimitives.ReadUInt16LittleEndian(tail[(at + 20)..]) == tailLength)
            {
                return ReadEnd(tail.Slice(at, EndLength), tailStart + at);
            }
        }

        throw Broken("it has no directory at its end (PyTorch files from before version 1.6 are not read)");
    }

    private (long Offset, long Length, long Count) ReadEnd(ReadOnlySpan<byte> end, long endOffset)
    {
        long count = BinaryPrimitives.ReadUInt16LittleEndian(end[10..]);
        long length = BinaryPrimitives.ReadUInt32LittleEndian(end[12..]);
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(end[16..]);
        if (count == 0xFFFF || length == 0xFFFFFFFF || offset == 0xFFFFFFFF)
        {
            ReadOnlySpan<byte> locator = _file.Slice(endOffset - 20, 20);
            if (BinaryPrimitives.ReadUInt32LittleEndian(locator) != End64LocatorSignature)
            {
                throw Broken("its zip64 locator is missing");
            }

            ReadOnlySpan<byte> end64 = _file.Slice(BinaryPrimitives.ReadInt64LittleEndian(locator[8..]), 56);
            if (BinaryPrimitives.ReadUInt32LittleEndian(end64) != End64Signature)
            {
                throw Broken("its zip64 directory is missing");
            }

            count = BinaryPrimitives.ReadInt64LittleEndian(end64[32..]);
            length = BinaryPrimitives.ReadInt64LittleEndian(end64[40..]);
            offset = BinaryPrimitives.ReadInt64LittleEndian(end64[48..]);
        }

        if (offset < 0 || length < 0 || offset > _file.Length - length)
        {
            throw Broken($"its directory ({length} bytes at {offset}) lies outside of the file");
        }

        return (offset, length, count);
    }

    private void ReadDirectory(ReadOnlySpan<byte> directory, long count)
    {
        int at = 0;
        for (long i = 0; i < count; i++)
        {
            if (directory.Length - at < 46
                || BinaryPrimitives.ReadUInt32LittleEndian(directory[at..]) != CentralSignature)
            {
                throw Broken($"entry {i} of {count} is damaged");
            }

            ReadOnlySpan<byte> entry = directory[at..];
            int nameLength = BinaryPrimitives.ReadUInt16LittleEndian(entry[28..]);
            int extraLength = BinaryPrimitives.ReadUInt16LittleEndian(entry[30..]);
            int commentLength = BinaryPrimitives.ReadUInt16LittleEndian(entry[32..]);
            int whole = 46 + nameLength + extraLength + commentLength;
            if (whole > entry.Length)
            {
                throw Broken($"entry {i} of {count} is cut off");
            }

            AddEntry(entry, Encoding.UTF8.GetString(entry.Slice(46, nameLength)),
                entry.Slice(46 + nameLength, extraLength));
            at += whole;
        }
    }

    private void AddEntry(ReadOnlySpan<byte> entry, string name, ReadOnlySpan<byte> extra)
    {
        int flags = BinaryPrimitives.ReadUInt16LittleEndian(entry[8..]);
        int method = BinaryPrimitives.ReadUInt16LittleEndian(entry[10..]);
        long packed = BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]);
        long length = BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]);
        long local = BinaryPrimitives.ReadUInt32LittleEndian(entry[42..]);
        ReadZip64(extra, ref length, ref packed, ref local);
        if (method != 0 || (flags & 1) != 0 || packed != length)
        {
            throw Broken($"entry '{name}' is compressed or encrypted; PyTorch stores entries as they are");
        }

        if (local < 0 || length < 0 || local > _file.Length - 30)
        {
            throw Broken($"entry '{name}' lies outside of the file");
        }

        ReadOnlySpan<byte> header = _file.Slice(local, 30);
        long offset = local + 30 + BinaryPrimitives.ReadUInt16LittleEndian(header[26..])
            + BinaryPrimitives.ReadUInt16LittleEndian(header[28..]);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != LocalSignature || offset > _file.Length - length)
        {
            throw Broken($"entry '{name}' lies outside of the file");
        }

        if (!_entries.TryAdd(name, (offset, length)))
        {
            throw Broken($"entry '{name}' is there twice");
        }
    }

    private static void ReadZip64(ReadOnlySpan<byte> extra, ref long length, ref long packed, ref long local)
    {
        while (extra.Length >= 4)
        {
            int size = BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]);
            if (size > extra.Length - 4)
            {
                return;
            }

            if (BinaryPrimitives.ReadUInt16LittleEndian(extra) == 1)
            {
                ReadOnlySpan<byte> values = extra.Slice(4, size);
                Replace(ref length, ref values);
                Replace(ref packed, ref values);
                Replace(ref local, ref values);
                return;
            }

            extra = extra[(4 + size)..];
        }
    }

    private static void Replace(ref long field, ref ReadOnlySpan<byte> values)
    {
        if (field == 0xFFFFFFFF && values.Length >= 8)
        {
            field = BinaryPrimitives.ReadInt64LittleEndian(values);
            values = values[8..];
        }
    }

    private PixException Broken(string what) =>
        new(PixErrorKind.BrokenArtifact, $"'{_file.Path}' is not a PyTorch zip file: {what}.");
}
