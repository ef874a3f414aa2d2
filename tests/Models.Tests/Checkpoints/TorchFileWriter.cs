using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using PixSearch.Models.Checkpoints;

namespace PixSearch.Models.Tests.Checkpoints;

/// <summary>
/// Writes PyTorch zip checkpoints for tests: protocol 2, as torch.save does, with any strides and shared storages.
/// </summary>
internal sealed class TorchFileWriter
{
    private readonly MemoryStream _pickle = new();
    private readonly List<(string Key, byte[] Bytes)> _storages = [];

    /// <summary>Numbers that tensors view.</summary>
    public int AddStorage(ElementType type, float[] values)
    {
        byte[] bytes = new byte[values.Length * type.Size()];
        ElementConverter.FromF32(values, type, bytes);
        _storages.Add(($"{_storages.Count}", bytes));
        return _storages.Count - 1;
    }

    /// <summary>A state dict of views: name, storage, type, offset, sizes, strides.</summary>
    public void WriteStateDict(
        IEnumerable<(string Name, int Storage, ElementType Type, int Offset, int[] Sizes, int[] Strides)> tensors,
        string? wrapper = null)
    {
        Raw(0x80, 2);
        if (wrapper is not null)
        {
            Raw('}', 'q', 0);
            Text(wrapper);
        }

        Global("collections", "OrderedDict");
        Raw(')', 'R', '(');
        foreach ((string name, int storage, ElementType type, int offset, int[] sizes, int[] strides) in tensors)
        {
            Text(name);
            Tensor(storage, type, offset, sizes, strides);
        }

        // torch gives the dict its _metadata with BUILD.
        Raw('u', '}');
        Text("_metadata");
        Global("collections", "OrderedDict");
        Raw(')', 'R', 's', 'b');
        if (wrapper is not null)
        {
            Raw('s');
        }

        Raw('.');
    }

    /// <summary>Any bytes as the pickle.</summary>
    public void WritePickle(ReadOnlySpan<byte> bytes) => _pickle.Write(bytes);

    /// <summary>The archive.</summary>
    public byte[] Build(CompressionLevel compression = CompressionLevel.NoCompression)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Entry(zip, "archive/data.pkl", _pickle.ToArray(), compression);
            Entry(zip, "archive/byteorder", "little"u8.ToArray(), compression);
            foreach ((string key, byte[] bytes) in _storages)
            {
                Entry(zip, $"archive/data/{key}", bytes, compression);
            }

            Entry(zip, "archive/version", "3\n"u8.ToArray(), compression);
        }

        return stream.ToArray();
    }

    private static void Entry(ZipArchive zip, string name, byte[] bytes, CompressionLevel compression)
    {
        using Stream entry = zip.CreateEntry(name, compression).Open();
        entry.Write(bytes);
    }

    private void Tensor(int storage, ElementType type, int offset, int[] sizes, int[] strides)
    {
        Global("torch._utils", "_rebuild_tensor_v2");
        Raw('(', '(');
        Text("storage");
        Global("torch", StorageName(type));
        Text($"{storage}");
        Text("cpu");
        Number(_storages[storage].Bytes.Length / type.Size());
        Raw('t', 'Q');
        Number(offset);
        Numbers(sizes);
        Numbers(strides);
        Raw(0x89);
        Global("collections", "OrderedDict");
        Raw(')', 'R', 't', 'R');
    }

    private static string StorageName(ElementType type) => type switch
    {
        ElementType.F32 => "FloatStorage",
        ElementType.F16 => "HalfStorage",
        ElementType.BF16 => "BFloat16Storage",
        ElementType.F64 => "DoubleStorage",
        ElementType.I64 => "LongStorage",
        _ => throw new NotSupportedException(type.ToString()),
    };

    private void Numbers(int[] values)
    {
        Raw('(');
        foreach (int value in values)
        {
            Number(value);
        }

        Raw('t');
    }

    private void Number(int value)
    {
        byte[] bytes = new byte[5];
        bytes[0] = (byte)'J';
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), value);
        _pickle.Write(bytes);
    }

    private void Global(string module, string name) => _pickle.Write(Encoding.ASCII.GetBytes($"c{module}\n{name}\n"));

    private void Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        Raw('X');
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        _pickle.Write(length);
        _pickle.Write(utf8);
    }

    private void Raw(params int[] codes)
    {
        foreach (int code in codes)
        {
            _pickle.WriteByte((byte)code);
        }
    }
}
