using System.Diagnostics.CodeAnalysis;

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
    public Tensor Empty(Shape shape) => new(Memory.Rent(shape.Count), 0, shape);

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
        if (elements.Length != shape.Count)
        {
            Misuse("From", $"{elements.Length} elements do not fill the shape", ("shape", shape));
        }

        Tensor result = Empty(shape);
        elements.CopyTo(result.Span);
        return result;
    }

    /// <inheritdoc/>
    public void Read(Tensor source, Span<float> destination)
    {
        if (destination.Length < source.Count)
        {
            Misuse("Read", $"a destination of {destination.Length} elements is too small", ("source", source.Shape));
        }

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

    /// <summary>Throws for wrong arguments: names the op, the rule and every shape.</summary>
    [DoesNotReturn]
    protected static void Misuse(string op, string rule, params ReadOnlySpan<(string Name, Shape Shape)> shapes)
    {
        string text = $"{op}: {rule}";
        for (int i = 0; i < shapes.Length; i++)
        {
            text += $"{(i == 0 ? "; got " : ", ")}{shapes[i].Name} {shapes[i].Shape}";
        }

        throw new ArgumentException(text + ".");
    }

    /// <summary>Number of rows when the innermost dimension is taken apart.</summary>
    protected static int RowsOf(Shape shape) => shape.Rank == 0 || shape[-1] == 0 ? 0 : shape.Count / shape[-1];

    /// <summary>A destination that is written while sources are read must not share elements with them.</summary>
    protected static void RequireApart(string op, Tensor source, Tensor destination)
    {
        float* from = Pointer(op, source);
        float* to = Pointer(op, destination);
        if (from < to + destination.Count && to < from + source.Count)
        {
            Misuse(op, "the destination overlaps a source", ("source", source.Shape),
                ("destination", destination.Shape));
        }
    }

    // The plain form if there is one, else a widened copy: both disposed by the caller.
    private Tensor Widened(Weight weight) => Use(weight);

    private static int Axis(string op, Tensor x, int axis)
    {
        int index = axis < 0 ? axis + x.Rank : axis;
        if ((uint)index >= (uint)x.Rank)
        {
            Misuse(op, $"axis {axis} is outside the tensor's dimensions", ("x", x.Shape));
        }

        return index;
    }
}
