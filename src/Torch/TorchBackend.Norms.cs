using PixSearch.Tensors;

namespace PixSearch.Torch;

public sealed partial class TorchBackend
{
    /// <inheritdoc/>
    public Tensor RmsNorm(Tensor x, Weight scale, float epsilon)
    {
        const string Op = "RmsNorm";
        OpRules.NormWidth(Op, x, scale);
        return Run(Op, x.Shape, () => RmsNormOf(Of(Op, x), Vector(Op, scale), epsilon));
    }

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight scale, Weight shift, float epsilon)
    {
        const string Op = "LayerNorm";
        OpRules.Vector(Op, shift, OpRules.NormWidth(Op, x, scale), "shift", "width");
        return Run(Op, x.Shape, () => LayerNormOf(Of(Op, x), Vector(Op, scale), Vector(Op, shift), epsilon));
    }

    /// <inheritdoc/>
    public Tensor ChannelNorm(Tensor x, Weight scale, Weight shift, float epsilon)
    {
        const string Op = "ChannelNorm";
        OpRules.Channels(Op, x, scale);
        OpRules.Vector(Op, shift, x.Shape[1], "shift", "channels");
        return Run(Op, x.Shape, () => ChannelNormOf(Of(Op, x), Vector(Op, scale), Vector(Op, shift), epsilon));
    }

    /// <inheritdoc/>
    public Tensor Softmax(Tensor x) => Run("Softmax", x.Shape,
        () => torch.nn.functional.softmax(x.Rank == 0 ? Of("Softmax", x).view(1) : Of("Softmax", x), -1));

    private static TorchTensor RmsNormOf(TorchTensor x, TorchTensor scale, float epsilon) =>
        x.mul(x.square().mean([-1], keepdim: true).add(epsilon).rsqrt()).mul(scale);

    private static TorchTensor LayerNormOf(TorchTensor x, TorchTensor scale, TorchTensor? shift, float epsilon) =>
        torch.nn.functional.layer_norm(x, [x.shape[^1]], scale, shift, epsilon);

    private static TorchTensor ChannelNormOf(TorchTensor x, TorchTensor scale, TorchTensor? shift, float epsilon) =>
        LayerNormOf(x.permute(0, 2, 3, 1), scale, shift, epsilon).permute(0, 3, 1, 2);

    private TorchTensor Vector(string op, Weight weight) => Widened(op, weight).view(weight.Shape.Count);
}
