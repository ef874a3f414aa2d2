using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.PixelSail;

/// <summary>
/// Pixel-SAIL's mask head: patch states are up-sampled to an output stride of 2; a mask is the inner product of the
/// projected
/// features with a projected <c>[SEG]</c> state. Weights: <c>image_feature_pre_projector</c> (only for hidden states
/// wider than 1024), <c>upsample_blocks.{k}</c>, <c>image_feature_projector</c>, <c>seg_token_projector</c>.
/// </summary>
public sealed class MaskHead
{
    private readonly Mlp? _preProjector;
    private readonly UpsampleBlock[] _upsampling;
    private readonly Mlp _featureProjector;
    private readonly Mlp _segmentProjector;

    /// <summary>A head; <paramref name="inner"/> is min(hidden, 1024).</summary>
    public MaskHead(WeightScope root, int hidden, int inner, int segHidden, int upsampleCount)
    {
        _preProjector = hidden > inner
            ? new Mlp(root["image_feature_pre_projector"], [hidden, hidden, inner], nameStep: 2)
            : null;
        _upsampling = [.. Enumerable.Range(0, upsampleCount).Select(k =>
            new UpsampleBlock(root["upsample_blocks"][k], inner))];
        _featureProjector = new Mlp(root["image_feature_projector"], [inner, inner, segHidden], nameStep: 2);
        _segmentProjector = new Mlp(root["seg_token_projector"], [hidden, inner, segHidden], nameStep: 2);
    }

    /// <summary>
    /// Features of a picture. Shapes: hidden [gridHeight * gridWidth, hidden] (patch rows after the final norm), result
    /// [1, inner, gridHeight * 2^k, gridWidth * 2^k].
    /// </summary>
    public Tensor Upsample(IBackend backend, Tensor hidden, int gridHeight, int gridWidth)
    {
        using var scope = new TensorScope();
        Tensor x = _preProjector is null ? hidden : _preProjector.Forward(backend, hidden);
        x = backend.Reshape(x, new Shape(1, gridHeight, gridWidth, x.Size(1)));
        x = backend.Permute(x, 0, 3, 1, 2);
        foreach (UpsampleBlock block in _upsampling)
        {
            x = block.Forward(backend, x);
        }

        return scope.Keep(x);
    }

    /// <summary>
    /// Mask logits. Shapes: features as <see cref="Upsample"/> gives [1, inner, h, w], segments [masks, hidden] (states
    /// at the
    /// <c>[SEG]</c> tokens), result [masks, h, w].
    /// </summary>
    public Tensor Masks(IBackend backend, Tensor features, Tensor segments)
    {
        using var scope = new TensorScope();
        (int inner, int height, int width) = (features.Size(1), features.Size(2), features.Size(3));

        // [1, inner, h, w] -> [h*w, inner] -> [h*w, C]
        Tensor pixels = backend.Permute(backend.Reshape(features, new Shape(inner, height * width)), 1, 0);
        pixels = _featureProjector.Forward(backend, pixels);
        Tensor queries = _segmentProjector.Forward(backend, segments);
        Tensor masks = backend.MatMul(queries, pixels, transposeB: true);
        return scope.Keep(backend.Reshape(masks, new Shape(segments.Size(0), height, width)));
    }
}
