using System.Runtime.InteropServices;
using PixSearch.Tensors;

namespace PixSearch.Torch;

/// <summary>
/// The engine's operations on libtorch, by TorchSharp: on a CUDA device, or on the CPU. Every argument is checked
/// before a native call, since some of them end the process on a wrong shape.
/// </summary>
/// <remarks>
/// Activations and keys are F32. Weights loaded as BF16 stay so, and products with them round the activations to BF16
/// too (sums are F32); Q8 is kept as BF16, since TorchSharp has no product of 8-bit blocks. On a CUDA device all work
/// goes to its current stream in order: copies from the host leave from pinned memory, nothing waits but
/// <see cref="Read"/> and <see cref="ArgMax"/>, which hand numbers to the host.
/// </remarks>
public sealed partial class TorchBackend : IGradientBackend
{
    private readonly TorchDevice _where;
    private readonly torch.Device _device;
    private readonly TorchMemory _memory;
    private bool _closed;

    /// <summary>Opens a device; <paramref name="bytesMax"/> limits the tensors that live at one time.</summary>
    /// <exception cref="Abstractions.PixException">libtorch or the device is missing.</exception>
    public TorchBackend(TorchDevice device, long bytesMax = long.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytesMax);
        (_where, _memory) = (device, new TorchMemory(bytesMax));
        _device = LibTorch.Open(device);
    }

    /// <inheritdoc/>
    public string Name => _where.ToString();

    /// <summary>Tensors and packed weights in use.</summary>
    public int OutstandingCount => _memory.Count;

    /// <summary>Their bytes.</summary>
    public long OutstandingBytes => _memory.Bytes;

    /// <inheritdoc/>
    public Tensor Empty(Shape shape) => Run("Empty", shape, () => New(shape));

    /// <inheritdoc/>
    public Tensor Zeros(Shape shape) => Run("Zeros", shape, () => New(shape).zero_());

    /// <inheritdoc/>
    public Tensor From(ReadOnlySpan<float> elements, Shape shape)
    {
        OpRules.From(elements.Length, shape);
        using TorchTensor host = Host("From", elements, ScalarType.Float32);
        return Run("From", shape, () => Sent(host));
    }

    /// <inheritdoc/>
    public void Read(Tensor source, Span<float> destination)
    {
        OpRules.Read(source, destination.Length);
        if (source.Count == 0)
        {
            return;
        }

        using DisposeScope scope = torch.NewDisposeScope();
        try
        {
            TorchTensor host = Of("Read", source).cpu();
            MemoryMarshal.Cast<byte, float>(host.bytes).CopyTo(destination);
        }
        catch (ExternalException error)
        {
            throw LibTorch.Translate("Read", error);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _closed = true;
        _plan?.Dispose();
        _plan = null;
    }

    // Native calls with a scope of their own: what they made but the result is freed at once. The result must not
    // share memory with a source.
    private Tensor Run(string op, Shape shape, Func<TorchTensor> body, int elementBytes = sizeof(float))
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        _memory.Take(shape.Count, elementBytes);
        try
        {
            using DisposeScope scope = torch.NewDisposeScope();
            TorchTensor flat = body().contiguous().view(shape.Count);
            var storage = new TorchStorage(_memory, _where, scope.Detach(flat), shape.Count, elementBytes);
            return Tensor.Over(storage, 0, shape);
        }
        catch (Exception error)
        {
            _memory.Return(shape.Count, elementBytes);
            if (error is ExternalException)
            {
                throw LibTorch.Translate(op, error);
            }

            throw;
        }
    }

    // Native calls that change a destination in place.
    private void Do(string op, Action body)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        using DisposeScope scope = torch.NewDisposeScope();
        try
        {
            body();
        }
        catch (ExternalException error)
        {
            throw LibTorch.Translate(op, error);
        }
    }

    private TorchTensor New(Shape shape, ScalarType type = ScalarType.Float32) =>
        torch.empty(Sizes(shape), type, _device);

    // A tensor's elements in its shape: a view, which the open scope frees.
    private TorchTensor Of(string op, Tensor x)
    {
        if (x.Storage is not TorchStorage storage)
        {
            throw new ArgumentException($"{op}: {x} lives in {x.Storage.GetType().Name}, not on {Name}.");
        }

        if (storage.Device != _where)
        {
            throw new ArgumentException($"{op}: {x} lives on {storage.Device}, not on {Name}.");
        }

        TorchTensor flat = storage.Flat;
        bool whole = x.Offset == 0 && x.Count == storage.Length;
        return (whole ? flat : flat.narrow(0, x.Offset, x.Count)).view(Sizes(x.Shape));
    }

    // Elements copied to memory of libtorch on the host. The caller disposes it.
    private static TorchTensor Host<T>(string op, ReadOnlySpan<T> elements, ScalarType type)
        where T : unmanaged
    {
        try
        {
            TorchTensor host = torch.empty(elements.Length, type);
            if (!elements.IsEmpty)
            {
                MemoryMarshal.AsBytes(elements).CopyTo(host.bytes);
            }

            return host;
        }
        catch (ExternalException error)
        {
            throw LibTorch.Translate(op, error);
        }
    }

    // A copy on the device. From pinned memory the copy is only queued, so that the host goes on; libtorch keeps the
    // pinned block until the stream is past it, also when it is freed here.
    private TorchTensor Sent(TorchTensor host) => _where.IsCuda
        ? host.pin_memory().to(_device, non_blocking: true)
        : host.clone();

    private TorchTensor Indices(ReadOnlySpan<int> indices)
    {
        long[] wide = new long[indices.Length];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = indices[i];
        }

        return Indices(wide);
    }

    private TorchTensor Indices(ReadOnlySpan<long> indices) => Sent(Host("Indices", indices, ScalarType.Int64));

    private static long[] Sizes(Shape shape)
    {
        long[] sizes = new long[shape.Rank];
        for (int i = 0; i < sizes.Length; i++)
        {
            sizes[i] = shape[i];
        }

        return sizes;
    }
}
