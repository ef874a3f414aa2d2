using PixSearch.Abstractions;

namespace PixSearch.Models.Checkpoints;

/// <summary>
/// Named tensors of one file or of several united. Nothing is read before it is asked for; elements are numbered in
/// row-major order whatever the file's own layout. Reads may run on several threads at once.
/// </summary>
public interface ITensorSource : IDisposable
{
    /// <summary>File or folder, for messages.</summary>
    string Origin { get; }

    /// <summary>Every tensor by name.</summary>
    IReadOnlyDictionary<string, TensorEntry> Tensors { get; }

    /// <summary>Free text of the file; empty where the format has none.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>
    /// Elements [start, start + destination.Length) as F32, converted from any storage. Throws
    /// <see cref="PixException"/> (BrokenArtifact) when the tensor is missing or the range is outside of it.
    /// </summary>
    void ReadF32(string name, long start, Span<float> destination);

    /// <summary>Elements [start, start + destination.Length) of an integer or BOOL tensor; throws for floats.</summary>
    void ReadI64(string name, long start, Span<long> destination);
}

/// <summary>Short forms of reading.</summary>
public static class TensorSourceExtensions
{
    /// <summary>
    /// The tensor's description; throws <see cref="PixException"/> (BrokenArtifact) when there is none.
    /// </summary>
    public static TensorEntry Entry(this ITensorSource source, string name) =>
        source.Tensors.TryGetValue(name, out TensorEntry? entry)
            ? entry
            : throw new PixException(PixErrorKind.BrokenArtifact, $"{source.Origin} holds no tensor '{name}'.");

    /// <summary>A whole tensor as F32.</summary>
    public static float[] ReadF32(this ITensorSource source, string name)
    {
        float[] values = new float[source.Entry(name).Shape.Count];
        source.ReadF32(name, 0, values);
        return values;
    }

    /// <summary>A whole integer or BOOL tensor.</summary>
    public static long[] ReadI64(this ITensorSource source, string name)
    {
        long[] values = new long[source.Entry(name).Shape.Count];
        source.ReadI64(name, 0, values);
        return values;
    }

    internal static void CheckRange(this ITensorSource source, TensorEntry entry, long start, int length)
    {
        if (start < 0 || start > entry.Shape.Count - length)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"{source.Origin}: elements {start}..{start + length} of '{entry.Name}' were asked for; "
                + $"it has {entry.Shape.Count}.");
        }
    }
}
