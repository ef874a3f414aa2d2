using System.Diagnostics.CodeAnalysis;

namespace PixSearch.Tensors;

/// <summary>
/// The rules of every op's arguments, the same for all backends: what breaks one throws
/// <see cref="ArgumentException"/> that names the op, the rule and the shapes. Where a result's shape follows from the
/// arguments, the rule returns it. One file for each family of ops.
/// </summary>
public static partial class OpRules
{
    /// <summary>Throws for wrong arguments: names the op, the rule and every shape.</summary>
    [DoesNotReturn]
    public static void Misuse(string op, string rule, params ReadOnlySpan<(string Name, Shape Shape)> shapes)
    {
        string text = $"{op}: {rule}";
        for (int i = 0; i < shapes.Length; i++)
        {
            text += $"{(i == 0 ? "; got " : ", ")}{shapes[i].Name} {shapes[i].Shape}";
        }

        throw new ArgumentException(text + ".");
    }

    /// <summary>An axis from 0; negative ones count from the innermost.</summary>
    public static int Axis(string op, Tensor x, int axis)
    {
        int index = axis < 0 ? axis + x.Rank : axis;
        if ((uint)index >= (uint)x.Rank)
        {
            Misuse(op, $"axis {axis} is outside the tensor's dimensions", ("x", x.Shape));
        }

        return index;
    }

    /// <summary>Two tensors of one shape.</summary>
    public static void Same(string op, (string Name, Tensor Tensor) a, (string Name, Tensor Tensor) b)
    {
        if (a.Tensor.Shape != b.Tensor.Shape)
        {
            Misuse(op, $"{a.Name} and {b.Name} must have the same shape", (a.Name, a.Tensor.Shape),
                (b.Name, b.Tensor.Shape));
        }
    }

    /// <summary>A destination that is written while sources are read must not share elements with them.</summary>
    public static void Apart(string op, Tensor source, Tensor destination)
    {
        if (ReferenceEquals(source.Storage, destination.Storage)
            && source.Offset < (long)destination.Offset + destination.Count
            && destination.Offset < (long)source.Offset + source.Count)
        {
            Misuse(op, "the destination overlaps a source", ("source", source.Shape),
                ("destination", destination.Shape));
        }
    }

    /// <summary>Number of rows when the innermost dimension is taken apart.</summary>
    public static int RowsOf(Shape shape) => shape.Rank == 0 || shape[-1] == 0 ? 0 : shape.Count / shape[-1];

    /// <summary>A vector of weights with one element for each of a dimension; null is allowed.</summary>
    public static void Vector(string op, Weight? vector, int size, string name, string dimension)
    {
        if (vector is not null && vector.Shape.Count != size)
        {
            Misuse(op, $"{name} must be [{dimension}] = [{size}]", ($"{name} '{vector.Name}'", vector.Shape));
        }
    }

    /// <summary>A gradient that is added to; null for none.</summary>
    public static void Gradient(string op, Tensor? gradient, int size, string name)
    {
        if (gradient is not null && gradient.Count != size)
        {
            Misuse(op, $"{name} must have {size} elements", (name, gradient.Shape));
        }
    }
}
