using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints;

/// <summary>What a checkpoint says about one tensor.</summary>
/// <param name="Name">Name in the file.</param>
/// <param name="Type">Storage of its numbers.</param>
/// <param name="Shape">Sizes, outermost first.</param>
public sealed record TensorEntry(string Name, ElementType Type, Shape Shape)
{
    /// <summary>Bytes of its numbers in <see cref="Type"/>.</summary>
    public long ByteCount => (long)Shape.Count * Type.Size();

    /// <summary>For example <c>lm_head.weight BF16[100, 64]</c>.</summary>
    public override string ToString() => $"{Name} {Type}{Shape}";
}
