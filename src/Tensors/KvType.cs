namespace PixSearch.Tensors;

/// <summary>How keys and values are stored in pages. Attention is computed in F32 for both.</summary>
public enum KvType
{
    /// <summary>32-bit float.</summary>
    F32,

    /// <summary>
    /// Rounded to the upper half of a 32-bit float: half the memory, and half of what decoding reads.
    /// </summary>
    BF16,
}
