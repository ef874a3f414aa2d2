using PixSearch.Abstractions;

namespace PixSearch.Models.Checkpoints;

/// <summary>How a checkpoint stores one number. The names are those of safetensors.</summary>
public enum ElementType
{
    /// <summary>64-bit float.</summary>
    F64,

    /// <summary>32-bit float.</summary>
    F32,

    /// <summary>IEEE half.</summary>
    F16,

    /// <summary>Upper half of a 32-bit float.</summary>
    BF16,

    /// <summary>8-bit float, 4 exponent bits, no infinity.</summary>
    F8_E4M3,

    /// <summary>8-bit float, 5 exponent bits.</summary>
    F8_E5M2,

    /// <summary>64-bit signed integer.</summary>
    I64,

    /// <summary>32-bit signed integer.</summary>
    I32,

    /// <summary>16-bit signed integer.</summary>
    I16,

    /// <summary>8-bit signed integer.</summary>
    I8,

    /// <summary>64-bit unsigned integer.</summary>
    U64,

    /// <summary>32-bit unsigned integer.</summary>
    U32,

    /// <summary>16-bit unsigned integer.</summary>
    U16,

    /// <summary>8-bit unsigned integer.</summary>
    U8,

    /// <summary>One byte, 0 or 1.</summary>
    BOOL,
}

/// <summary>Facts about element types.</summary>
public static class ElementTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.F64 or ElementType.I64 or ElementType.U64 => 8,
        ElementType.F32 or ElementType.I32 or ElementType.U32 => 4,
        ElementType.F16 or ElementType.BF16 or ElementType.I16 or ElementType.U16 => 2,
        _ => 1,
    };

    /// <summary>True for the floating-point types.</summary>
    public static bool IsFloat(this ElementType type) => type <= ElementType.F8_E5M2;

    /// <summary>The type of that name; false when no such type is known.</summary>
    public static bool TryParse(string? name, out ElementType type)
    {
        // Enum.TryParse alone would also take "3" and "F32,F64".
        bool known = Enum.TryParse(name, ignoreCase: false, out type) && type.ToString() == name;
        if (!known)
        {
            type = default;
        }

        return known;
    }

    internal static PixException Unreadable(string what, ElementType type, string wanted) =>
        new(PixErrorKind.BrokenArtifact, $"{what} is stored as {type}; {wanted} was expected.");
}
