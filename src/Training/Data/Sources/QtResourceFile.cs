using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using PixSearch.Abstractions;

namespace PixSearch.Training.Data.Sources;

/// <summary>
/// The files inside a binary Qt resource file (.rcc, versions 1 to 3; the layout is that of Qt's rcc tool): a tree of
/// nodes, a table of names and a table of data, at offsets that the header gives, all big-endian.
/// </summary>
internal static class QtResourceFile
{
    private const int DepthMax = 64;
    private const int VisitsMax = 100_000;
    private const long FileBytesMax = 64_000_000;
    private const int CompressedZlib = 1;
    private const int Directory = 2;
    private const int CompressedZstd = 4;

    /// <summary>All files by path; what is packed with zstd is left out, since nothing here reads it.</summary>
    public static Dictionary<string, byte[]> Read(byte[] file)
    {
        try
        {
            if (!file.AsSpan().StartsWith("qres"u8))
            {
                throw Broken("it does not begin with 'qres'");
            }

            var result = new Dictionary<string, byte[]>(StringComparer.Ordinal);
            Walk(new Layout(file), 0, "", 0, result);
            return result;
        }
        catch (Exception error) when (error is ArgumentOutOfRangeException or InvalidDataException or OverflowException)
        {
            throw Broken(error.Message);
        }
    }

    private static void Walk(Layout layout, int node, string path, int depth, Dictionary<string, byte[]> files)
    {
        if (depth > DepthMax)
        {
            throw Broken($"its folders are nested more than {DepthMax} deep");
        }

        // Folders may share children, and so unfold to far more files than the tree has nodes.
        if (++layout.Visits > VisitsMax)
        {
            throw Broken($"it has more than {VisitsMax} files and folders");
        }

        ReadOnlySpan<byte> entry = layout.Node(node);
        string name = node == 0 ? "" : $"{path}/{layout.Name(Read32(entry))}";
        int flags = BinaryPrimitives.ReadUInt16BigEndian(entry[4..]);
        if ((flags & Directory) != 0)
        {
            int count = Read32(entry[6..]), first = Read32(entry[10..]);
            if (first <= node && count > 0)
            {
                throw Broken("a folder contains itself");
            }

            for (int child = first; child < first + count; child++)
            {
                Walk(layout, child, name, depth + 1, files);
            }
        }
        else if ((flags & CompressedZstd) == 0)
        {
            ReadOnlySpan<byte> data = layout.Data(Read32(entry[10..]));
            files[name] = (flags & CompressedZlib) != 0 ? Inflate(data) : data.ToArray();
        }
    }

    // Four bytes of length, then a zlib stream.
    private static byte[] Inflate(ReadOnlySpan<byte> data)
    {
        int length = Read32(data);
        if (length > FileBytesMax)
        {
            throw Broken($"a file says it has {length} bytes; the limit is {FileBytesMax}");
        }

        byte[] result = new byte[length];
        using var zlib = new ZLibStream(new MemoryStream(data[4..].ToArray()), CompressionMode.Decompress);
        int read = zlib.ReadAtLeast(result, length, throwOnEndOfStream: false);
        return read == length ? result : throw Broken($"a file ends after {read} of {length} bytes");
    }

    private static int Read32(ReadOnlySpan<byte> bytes)
    {
        uint value = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        return value <= int.MaxValue ? (int)value : throw Broken($"an offset is {value}");
    }

    private static PixException Broken(string reason) =>
        new(PixErrorKind.BrokenArtifact, $"The Qt resource file is damaged: {reason}.");

    private sealed class Layout(byte[] file)
    {
        private readonly int _nodeBytes = Read32(file.AsSpan(4)) >= 2 ? 22 : 14;
        private readonly int _tree = Read32(file.AsSpan(8));
        private readonly int _data = Read32(file.AsSpan(12));
        private readonly int _names = Read32(file.AsSpan(16));

        public int Visits { get; set; }

        public ReadOnlySpan<byte> Node(int index) => file.AsSpan(checked(_tree + index * _nodeBytes), 14);

        public string Name(int offset)
        {
            // Length in UTF-16 units, hash, text.
            ReadOnlySpan<byte> entry = file.AsSpan(checked(_names + offset));
            int length = BinaryPrimitives.ReadUInt16BigEndian(entry);
            return Encoding.BigEndianUnicode.GetString(entry.Slice(6, 2 * length));
        }

        public ReadOnlySpan<byte> Data(int offset)
        {
            ReadOnlySpan<byte> entry = file.AsSpan(checked(_data + offset));
            return entry.Slice(4, Read32(entry));
        }
    }
}
