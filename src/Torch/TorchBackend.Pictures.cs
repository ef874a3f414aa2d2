using PixSearch.Tensors;

namespace PixSearch.Torch;

public sealed partial class TorchBackend
{
    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, Weight? bias, int stride, int padding, int groups = 1)
    {
        const string Op = "Conv2d";
        Shape shape = OpRules.Conv2d(Op, x.Shape, weight, stride, padding, groups);
        OpRules.Vector(Op, bias, weight.Shape[0], "bias", "out");
        return Run(Op, shape, () => torch.nn.functional.conv2d(Of(Op, x), Widened(Op, weight),
            bias is null ? null : Vector(Op, bias), [stride, stride], [padding, padding], groups: groups));
    }

    /// <inheritdoc/>
    public Tensor ConvTranspose2d(Tensor x, Weight weight, Weight? bias, int stride)
    {
        const string Op = "ConvTranspose2d";
        Shape shape = OpRules.ConvTranspose2d(Op, x.Shape, weight, stride);
        OpRules.Vector(Op, bias, weight.Shape[1], "bias", "out");
        return Run(Op, shape, () => torch.nn.functional.conv_transpose2d(Of(Op, x), Widened(Op, weight),
            bias is null ? null : Vector(Op, bias), [stride, stride]));
    }

    /// <inheritdoc/>
    public Tensor Resize(Tensor x, int height, int width, ResizeMode mode)
    {
        OpRules.Resize("Resize", x.Shape, height, width);
        return Run("Resize", x.Shape.With(2, height).With(3, width),
            () => Resized(Of("Resize", x), height, width, mode));
    }

    private TorchTensor Resized(TorchTensor x, int height, int width, ResizeMode mode)
    {
        if (mode == ResizeMode.Bilinear)
        {
            return torch.nn.functional.interpolate(x, [height, width], mode: torch.InterpolationMode.Bilinear,
                align_corners: false);
        }

        // libtorch's own "nearest" multiplies by a rounded ratio, which now and then lands one pixel off the rule.
        return x.index_select(2, Indices(Nearest((int)x.shape[2], height)))
            .index_select(3, Indices(Nearest((int)x.shape[3], width)));
    }

    private static int[] Nearest(int source, int result) =>
        [.. Enumerable.Range(0, result).Select(i => (int)((long)i * source / result))];
}
