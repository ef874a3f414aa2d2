namespace PixSearch.Tensors;

/// <summary>
/// Sizes of a convolution [batch, InChannels, InHeight, InWidth] -> [batch, OutChannels, OutHeight, OutWidth].
/// </summary>
internal readonly record struct ConvShape(int Batch, int InChannels, int InHeight, int InWidth, int OutChannels,
    int KernelHeight, int KernelWidth, int Stride, int Padding, int Groups)
{
    /// <summary>Height of the result.</summary>
    public int OutHeight => ((InHeight + (2 * Padding) - KernelHeight) / Stride) + 1;

    /// <summary>Width of the result.</summary>
    public int OutWidth => ((InWidth + (2 * Padding) - KernelWidth) / Stride) + 1;

    /// <summary>Input channels that one output channel sees.</summary>
    public int GroupIn => InChannels / Groups;

    /// <summary>Output channels of a group.</summary>
    public int GroupOut => OutChannels / Groups;

    /// <summary>Input elements that one output element sees.</summary>
    public int Taps => GroupIn * KernelHeight * KernelWidth;

    /// <summary>Whether no two output pixels see the same input element, and all lie inside.</summary>
    public bool IsApart => Padding == 0 && KernelHeight <= Stride && KernelWidth <= Stride;
}
