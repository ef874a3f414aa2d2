using PixSearch.Models.Checkpoints;
using PixSearch.Tensors;

namespace PixSearch.Models.Weights;

/// <summary>How a checkpoint is loaded.</summary>
public sealed record WeightLoadOptions
{
    /// <summary>Whether the weights may be trained (buffers never are); they are plain F32 then.</summary>
    public bool Trainable { get; init; }

    /// <summary>
    /// How matrices and tables are stored; null: as the checkpoint does, halves (F16) as <see cref="WeightType.BF16"/>,
    /// in which the authors of the published models compute.
    /// </summary>
    public WeightType? Storage { get; init; }

    /// <summary>Names in the checkpoint that no module needs and that are no error.</summary>
    public Func<string, bool> Ignore { get; init; } = _ => false;

    /// <summary>How a weight is packed; null for plain F32.</summary>
    internal WeightType? PackedType(ElementType stored, WeightUse use) =>
        Trainable ? null : PackedType(stored, use, Storage);

    /// <summary>How a weight is packed for serving; null for plain F32.</summary>
    internal static WeightType? PackedType(ElementType stored, WeightUse use, WeightType? storage)
    {
        if (use == WeightUse.Elements)
        {
            return null;
        }

        WeightType type = storage ?? stored switch
        {
            ElementType.BF16 or ElementType.F16 or ElementType.F8_E4M3 or ElementType.F8_E5M2 => WeightType.BF16,
            ElementType.I8 => WeightType.Q8,
            _ => WeightType.F32,
        };
        return type == WeightType.Q8 && use == WeightUse.Table ? WeightType.BF16 : type;
    }
}
