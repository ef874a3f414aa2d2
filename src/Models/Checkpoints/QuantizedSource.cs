using System.Buffers;
using PixSearch.Abstractions;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints;

/// <summary>
/// The project's 8-bit storage in safetensors: a matrix <c>W [out, in]</c> as I8 of that shape and, in <c>W.q8_scale
/// [out, in / 32]</c>, one F32 scale for 32 numbers in a row. <c>W = scale * I8</c>, both as <see cref="Q8Block"/> has
/// them, so that loading them as Q8 changes nothing. Reading gives the numbers back as F32 and hides the scales. Owns
/// the source.
/// </summary>
public sealed class QuantizedSource : ITensorSource
{
    /// <summary>Numbers that share a scale.</summary>
    public const int BlockSize = Q8Block.Size;

    private const string ScaleSuffix = ".q8_scale";

    private readonly ITensorSource _inner;
    private readonly Dictionary<string, TensorEntry> _entries = new(StringComparer.Ordinal);

    /// <summary>
    /// Wraps; throws <see cref="PixException"/> (BrokenArtifact) when matrices and scales do not fit.
    /// </summary>
    public QuantizedSource(ITensorSource inner)
    {
        _inner = inner;
        foreach (TensorEntry entry in inner.Tensors.Values)
        {
            if (!entry.Name.EndsWith(ScaleSuffix, StringComparison.Ordinal))
            {
                _entries[entry.Name] = entry;
                continue;
            }

            string name = entry.Name[..^ScaleSuffix.Length];
            if (!inner.Tensors.TryGetValue(name, out TensorEntry? matrix) || matrix.Type != ElementType.I8
                || !CanHold(matrix.Shape) || entry.Type != ElementType.F32
                || entry.Shape != new Shape(matrix.Shape[0], matrix.Shape[1] / BlockSize))
            {
                throw new PixException(PixErrorKind.BrokenArtifact,
                    $"'{inner.Origin}': scales '{entry}' do not fit '{matrix?.ToString() ?? "nothing"}'.");
            }
        }
    }

    /// <inheritdoc/>
    public string Origin => _inner.Origin;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, TensorEntry> Tensors => _entries;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Metadata => _inner.Metadata;

    /// <summary>True when a source holds 8-bit matrices of this form.</summary>
    public static bool IsQuantized(ITensorSource source) =>
        source.Tensors.Keys.Any(name => name.EndsWith(ScaleSuffix, StringComparison.Ordinal));

    /// <summary>True for shapes that can be stored in blocks.</summary>
    public static bool CanHold(Shape shape) => shape.Rank == 2 && shape[1] % BlockSize == 0 && shape.Count > 0;

    /// <summary>A matrix as the two tensors that are written for it. Shape: [out, in], in a multiple of 32.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="read">Its numbers; each is asked for twice.</param>
    public static IReadOnlyList<TensorPayload> Payloads(string name, Shape shape, TensorPayload.FloatReader read)
    {
        var scaleShape = new Shape(shape[0], shape[1] / BlockSize);
        return
        [
            new TensorPayload(new TensorEntry(name, ElementType.I8, shape), (start, count, bytes) =>
                WriteBlocks(start, count, read, bytes)),
            TensorPayload.Streamed(name + ScaleSuffix, scaleShape, ElementType.F32, (start, scales) =>
            {
                float[] values = ArrayPool<float>.Shared.Rent(scales.Length * BlockSize);
                read(start * BlockSize, values.AsSpan(0, scales.Length * BlockSize));
                for (int i = 0; i < scales.Length; i++)
                {
                    scales[i] = BFloat16.Widen(Q8Block.Scale(values.AsSpan(i * BlockSize, BlockSize)));
                }

                ArrayPool<float>.Shared.Return(values);
            }),
        ];
    }

    /// <inheritdoc/>
    public void ReadF32(string name, long start, Span<float> destination)
    {
        this.CheckRange(this.Entry(name), start, destination.Length);
        _inner.ReadF32(name, start, destination);
        if (destination.IsEmpty || !_inner.Tensors.ContainsKey(name + ScaleSuffix))
        {
            return;
        }

        // Rows are whole numbers of blocks, so block i covers elements [32 i, 32 i + 32) of the matrix.
        long firstBlock = start / BlockSize;
        long lastBlock = (start + destination.Length - 1) / BlockSize;
        float[] scales = ArrayPool<float>.Shared.Rent((int)(lastBlock - firstBlock + 1));
        _inner.ReadF32(name + ScaleSuffix, firstBlock, scales.AsSpan(0, (int)(lastBlock - firstBlock + 1)));
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] *= scales[((start + i) / BlockSize) - firstBlock];
        }

        ArrayPool<float>.Shared.Return(scales);
    }

    /// <inheritdoc/>
    public void ReadI64(string name, long start, Span<long> destination) => _inner.ReadI64(name, start, destination);

    /// <inheritdoc/>
    public void Dispose() => _inner.Dispose();

    // The writer asks for chunks of 2^16 elements, which are whole blocks.
    private static void WriteBlocks(long start, int count, TensorPayload.FloatReader read, Span<byte> bytes)
    {
        float[] values = ArrayPool<float>.Shared.Rent(count);
        read(start, values.AsSpan(0, count));
        for (int at = 0; at < count; at += BlockSize)
        {
            ReadOnlySpan<float> block = values.AsSpan(at, BlockSize);
            ushort scale = Q8Block.Scale(block);
            for (int i = 0; i < BlockSize; i++)
            {
                bytes[at + i] = (byte)Q8Block.Round(block[i], scale);
            }
        }

        ArrayPool<float>.Shared.Return(values);
    }
}
