namespace PixSearch.Tensors;

/// <summary>
/// The part of a host-memory backend that does not depend on how fast its arithmetic is: checks of every op's
/// arguments, allocation of results, views. What is computed is left to the <c>...Core</c> methods, which get pointers
/// and sizes that have been checked. One file for each family of ops.
/// </summary>
public abstract unsafe partial class HostBackend : IGradientBackend
{
    /// <summary>
    /// Elements that <see cref="Load"/> asks for at a time (4 MB): small beside any shard, large beside the cost of a
    /// call.
    /// </summary>
    protected const int LoadElements = 1 << 20;

    /// <summary>A backend over its own pool.</summary>
    protected HostBackend(string name, NativePool memory) => (Name, Memory) = (name, memory);

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Where tensors and scratch come from.</summary>
    public NativePool Memory { get; }

    /// <inheritdoc/>
    public Tensor Empty(Shape shape) => Tensor.Over(Memory.Rent(shape.Count), 0, shape);

    /// <inheritdoc/>
    public Tensor Zeros(Shape shape)
    {
        Tensor result = Empty(shape);
        result.Span.Clear();
        return result;
    }

    /// <inheritdoc/>
    public Tensor From(ReadOnlySpan<float> elements, Shape shape)
    {
        OpRules.From(elements.Length, shape);
        Tensor result = Empty(shape);
        elements.CopyTo(result.Span);
        return result;
    }

    /// <inheritdoc/>
    public void Read(Tensor source, Span<float> destination)
    {
        OpRules.Read(source, destination.Length);
        source.Span.CopyTo(destination);
    }

    /// <inheritdoc/>
    public Tensor Use(Weight weight)
    {
        if (weight.Plain is { } plain)
        {
            return plain.View(0, weight.Shape);
        }

        Tensor result = Empty(weight.Shape);
        WidenCore(weight, Pointer("Use", result));
        return result;
    }

    /// <inheritdoc/>
    public virtual Weight Load(string name, Shape shape, WeightType? packed, WeightReader read)
    {
        Tensor plain = Empty(shape);
        try
        {
            for (long start = 0; start < shape.Count; start += LoadElements)
            {
                read(start, plain.Span.Slice((int)start, (int)Math.Min(LoadElements, shape.Count - start)));
            }

            return new Weight(name, plain);
        }
        catch
        {
            plain.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public virtual void Prepare(Weight weight, WeightType type)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees idle memory; derived backends stop their threads too.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            Memory.Dispose();
        }
    }

    /// <summary>Writes a packed weight as plain F32, row-major, of the weight's shape.</summary>
    protected abstract void WidenCore(Weight weight, float* y);

    /// <summary>First element of a tensor that must live in host memory of this kind.</summary>
    protected static float* Pointer(string op, Tensor tensor)
    {
        if (tensor.Storage is not NativeStorage storage)
        {
            throw new ArgumentException(
                $"{op}: {tensor} lives in {tensor.Storage.GetType().Name}, not in host memory.");
        }

        return storage.Pointer + tensor.Offset;
    }

    // The plain form if there is one, else a widened copy: both disposed by the caller.
    private Tensor Widened(Weight weight) => Use(weight);
}
