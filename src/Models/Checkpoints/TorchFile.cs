using PixSearch.Abstractions;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints;

/// <summary>
/// A PyTorch checkpoint (<c>.bin</c>, <c>.pth</c>, <c>.pt</c>) of version 1.6 or later: a mapped zip whose pickle is
/// read by <see cref="Unpickler"/>. Tensors may share storages and have any strides; a dict under <c>state_dict</c>,
/// <c>model</c> or <c>module</c> at the top is taken for the state dict.
/// </summary>
public sealed class TorchFile : ITensorSource
{
    // A state dict of 1,000 tensors has a pickle of 150 KB.
    private const long PickleLengthMax = 64L << 20;

    // Tied tables and aliases show numbers twice, PLUM's prompt encoder three times. A view of stride 0 could show a
    // gigabyte of every byte.
    private const int ShownPerByteMax = 4;
    private const long ShownFree = 64L << 20;
    private const long RunElementsMax = 1 << 20;

    private static readonly string[] s_wrappers = ["state_dict", "model", "module"];

    private readonly MappedFile _file;
    private readonly Dictionary<string, TensorEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (PickleTensor Tensor, long DataOffset)> _tensors = new(StringComparer.Ordinal);
    private long _shown;

    /// <summary>Opens a file and reads its pickle; no tensor is read. Throws <see cref="PixException"/>.</summary>
    public TorchFile(string path)
    {
        _file = new MappedFile(path);
        try
        {
            var zip = new StoredZip(_file);
            string root = FindRoot(zip);
            CheckByteOrder(zip, root);
            zip.TryFind($"{root}data.pkl", out long offset, out long length);
            if (length > PickleLengthMax)
            {
                throw Broken($"its data.pkl has {length} bytes; {PickleLengthMax} is the limit");
            }

            object? top = Unpickler.Read(_file.Slice(offset, (int)length).ToArray(), path);
            foreach ((object key, object? value) in StateDict(top).Pairs)
            {
                if (key is string name && value is PickleTensor tensor)
                {
                    Add(zip, root, name, tensor);
                }
            }
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
    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public void ReadF32(string name, long start, Span<float> destination)
    {
        (PickleTensor tensor, long data) = Find(name, start, destination.Length);
        ElementType type = tensor.Storage.Type;
        int done = 0;
        foreach (Run run in Runs(tensor, start, destination.Length))
        {
            if (run.Stride == 1)
            {
                ElementConverter.ToF32(type, _file.Slice(data + (run.First * type.Size()), run.Count * type.Size()),
                    destination.Slice(done, run.Count));
            }
            else
            {
                for (int i = 0; i < run.Count; i++)
                {
                    long at = data + ((run.First + (i * run.Stride)) * type.Size());
                    ElementConverter.ToF32(type, _file.Slice(at, type.Size()), destination.Slice(done + i, 1));
                }
            }

            done += run.Count;
        }
    }

    /// <inheritdoc/>
    public void ReadI64(string name, long start, Span<long> destination)
    {
        (PickleTensor tensor, long data) = Find(name, start, destination.Length);
        ElementType type = tensor.Storage.Type;
        if (type.IsFloat())
        {
            throw ElementTypes.Unreadable($"{Origin}: tensor '{name}'", type, "an integer type");
        }

        int done = 0;
        foreach (Run run in Runs(tensor, start, destination.Length))
        {
            for (int i = 0; i < run.Count; i++, done++)
            {
                long at = data + ((run.First + (i * run.Stride)) * type.Size());
                ElementConverter.ToI64(type, _file.Slice(at, type.Size()), destination.Slice(done, 1));
            }
        }
    }

    /// <summary>Unmaps the file.</summary>
    public void Dispose() => _file.Dispose();

    /// <summary>
    /// The elements [start, start + length) of a view in row-major order, as runs along its innermost dimension (or
    /// along all of it where it is contiguous).
    /// </summary>
    private static IEnumerable<Run> Runs(PickleTensor tensor, long start, int length)
    {
        (long row, long rowStride) = InnerRun(tensor);
        long at = start;
        long end = start + length;
        while (at < end)
        {
            long column = at % row;
            int count = (int)Math.Min(Math.Min(row - column, end - at), RunElementsMax);
            yield return new Run(IndexOf(tensor, at), rowStride, count);
            at += count;
        }
    }

    // How many elements follow each other at one stride, and that stride.
    private static (long Length, long Stride) InnerRun(PickleTensor tensor)
    {
        long length = 1;
        long stride = 1;
        for (int axis = tensor.Sizes.Length - 1; axis >= 0; axis--)
        {
            if (tensor.Sizes[axis] == 1)
            {
                continue;
            }

            if (length == 1)
            {
                stride = tensor.Strides[axis];
            }
            else if (tensor.Strides[axis] != length * stride)
            {
                break;
            }

            length *= tensor.Sizes[axis];
        }

        return (Math.Max(1, length), stride);
    }

    private static long IndexOf(PickleTensor tensor, long element)
    {
        long index = tensor.Offset;
        for (int axis = tensor.Sizes.Length - 1; axis >= 0; axis--)
        {
            index += element % tensor.Sizes[axis] * tensor.Strides[axis];
            element /= tensor.Sizes[axis];
        }

        return index;
    }

    private (PickleTensor Tensor, long DataOffset) Find(string name, long start, int length)
    {
        TensorEntry entry = this.Entry(name);
        this.CheckRange(entry, start, length);
        return _tensors[name];
    }

    private string FindRoot(StoredZip zip)
    {
        string[] roots = [.. zip.Names
            .Where(name => name == "data.pkl" || name.EndsWith("/data.pkl", StringComparison.Ordinal))
            .Select(name => name[..^"data.pkl".Length])];
        return roots.Length == 1 ? roots[0] : throw Broken($"it holds {roots.Length} entries data.pkl; 1 was expected");
    }

    private void CheckByteOrder(StoredZip zip, string root)
    {
        if (zip.TryFind($"{root}byteorder", out long offset, out long length)
            && !_file.Slice(offset, (int)Math.Min(length, 6)).SequenceEqual("little"u8))
        {
            throw Broken("its byte order is not little-endian");
        }
    }

    private PickleMap StateDict(object? top)
    {
        PickleMap map = top as PickleMap ?? throw Broken("its top is not a dict");
        foreach (string wrapper in s_wrappers)
        {
            if (map.Find(wrapper) is PickleMap inner)
            {
                return inner;
            }
        }

        return map;
    }

    private void Add(StoredZip zip, string root, string name, PickleTensor tensor)
    {
        if (tensor.Sizes.Length > Shape.RankMax || tensor.Sizes.Length != tensor.Strides.Length)
        {
            throw Broken($"tensor '{name}' has {tensor.Sizes.Length} sizes and {tensor.Strides.Length} strides");
        }

        long count = 1;
        Int128 last = tensor.Offset;
        for (int axis = 0; axis < tensor.Sizes.Length; axis++)
        {
            (long size, long stride) = (tensor.Sizes[axis], tensor.Strides[axis]);
            count *= Math.Clamp(size, 1, 1L << 31);
            if (size < 0 || stride < 0 || count > int.MaxValue)
            {
                throw Broken($"tensor '{name}' has size {size} and stride {stride} in dimension {axis}");
            }

            last += Math.Max(0, size - 1) * (Int128)stride;
        }

        bool empty = tensor.Sizes.Contains(0);
        PickleStorage storage = tensor.Storage;
        if (tensor.Offset < 0 || (!empty && last >= storage.Count))
        {
            throw Broken($"tensor '{name}' reaches beyond its storage of {storage.Count} elements");
        }

        if (!zip.TryFind($"{root}data/{storage.Key}", out long offset, out long length)
            || length / storage.Type.Size() < storage.Count)
        {
            throw Broken(
                $"storage '{storage.Key}' of tensor '{name}' is missing or shorter than {storage.Count} elements");
        }

        var shape = new Shape(Array.ConvertAll(tensor.Sizes, size => (int)size));
        var entry = new TensorEntry(name, storage.Type, shape);
        _shown += entry.ByteCount;
        if (_shown > (ShownPerByteMax * _file.Length) + ShownFree)
        {
            throw Broken($"its tensors up to '{name}' show {_shown} bytes of a file of {_file.Length}, more than "
                + $"{ShownPerByteMax} times what is there");
        }

        _entries[name] = entry;
        _tensors[name] = (tensor, offset);
    }

    private PixException Broken(string what) =>
        new(PixErrorKind.BrokenArtifact, $"'{_file.Path}' is not a checkpoint: {what}.");

    private readonly record struct Run(long First, long Stride, int Count);
}
