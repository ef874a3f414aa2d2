using PixSearch.Models.Layers;
using PixSearch.Models.Sam;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.PixelLm;

/// <summary>Mask logits of PixelLM's decoder: per level, and their weighted sum at four times the grid.</summary>
/// <param name="Levels">Level 0 at twice the grid, level 1 at four times. Shapes: [targets, 1, h, w].</param>
/// <param name="Masks">Shape: [targets, 1, 4 grid, 4 grid].</param>
public sealed record PixelLmMasks(IReadOnlyList<Tensor> Levels, Tensor Masks);

/// <summary>
/// PixelLM's lightweight pixel decoder (Ren et al. 2024, the authors' <c>MaskDecoderMultiScale</c>): a two-way
/// transformer a
/// level; level l &gt; 0 works on up-scaled features that are amplified where the level before saw the target
/// (<c>f * (sigmoid(m) + 1)</c>). Fused tokens are <c>sum h_i / (levels * tokensPerLevel)</c> and masks <c>sum m_l /
/// levels</c>:
/// the authors' learned weights were never registered, so they are these constants. Weights: <c>transformer.{l},
/// iou_token, mask_tokens, level_embed, output_upscaling.{0,1}, upsample_2x.{0,1}, pe1, output_hypernetworks_mlps,
/// iou_prediction_head</c>.
/// </summary>
public sealed class PixelLmMaskDecoder
{
    private const int MaskTokens = 4;

    private readonly int _width;
    private readonly TwoWayTransformer[] _transformers;
    private readonly Weight _iouToken;
    private readonly Weight _maskTokens;
    private readonly Weight _levelEmbedding;
    private readonly UpConvolution _upscaling;
    private readonly ChannelNorm _upscalingNorm;
    private readonly UpConvolution _upsample;
    private readonly ChannelNorm _upsampleNorm;
    private readonly GaussianPositions _positions;
    private readonly Mlp[] _hyper;

    /// <summary>A decoder of two levels.</summary>
    public PixelLmMaskDecoder(WeightScope weights, int width, int heads, int mlpDim)
    {
        _width = width;
        _transformers = [.. Enumerable.Range(0, LevelCount)
            .Select(level => new TwoWayTransformer(weights["transformer"][level], 2, width, heads, mlpDim))];
        _iouToken = weights["iou_token"].Get("weight", new Shape(1, width), WeightInit.Normal(1));
        _maskTokens = weights["mask_tokens"].Get("weight", new Shape(MaskTokens, width), WeightInit.Normal(1));
        _levelEmbedding = weights["level_embed"].Get("weight", new Shape(LevelCount, width), WeightInit.Normal(1));
        _upscaling = new UpConvolution(weights["output_upscaling"][0], width, width / 8);
        _upscalingNorm = new ChannelNorm(weights["output_upscaling"][1], width / 8);
        _upsample = new UpConvolution(weights["upsample_2x"][0], width, width);
        _upsampleNorm = new ChannelNorm(weights["upsample_2x"][1], width);
        _positions = new GaussianPositions(weights["pe1"], width);
        _hyper = [.. Enumerable.Range(0, MaskTokens).Select(i =>
            new Mlp(weights["output_hypernetworks_mlps"][i]["layers"], [width, width, width, width / 8]))];

        // In the checkpoints; the authors never use its result.
        _ = new Mlp(weights["iou_prediction_head"]["layers"], [width, width, width, MaskTokens]);
    }

    /// <summary>Levels of features; the authors' code has no other number.</summary>
    public const int LevelCount = 2;

    /// <summary>
    /// Masks of the targets of one picture.
    /// </summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="features">For each level the neck's result. Shape: [1, width, grid, grid].</param>
    /// <param name="prompts">Gives the positions of level 0 and the dense prompt of "no mask".</param>
    /// <param name="segments">Prompts of the tokens. Shape: [targets, levels, tokens, width].</param>
    public PixelLmMasks Forward(IBackend backend, IReadOnlyList<Tensor> features, SamPromptEncoder prompts,
        Tensor segments)
    {
        using var scope = new TensorScope();
        (int targets, int perLevel) = (segments.Size(0), segments.Size(2));
        int grid = features[0].Size(2);
        Tensor dense = prompts.NoMask(backend);
        Tensor fused = backend.Affine(backend.Sum(segments, 2), 1f / (LevelCount * perLevel));
        var levels = new List<Tensor>();
        Tensor? sum = null;
        for (int level = 0; level < LevelCount; level++)
        {
            Tensor source = backend.Gather(features[level], new int[targets]);
            Tensor positions = prompts.Positions.Grid(backend, grid, grid);
            if (level > 0)
            {
                source = backend.Unary(_upsampleNorm.Forward(backend, _upsample.Forward(backend, source)),
                    UnaryOp.Gelu);
                Tensor seen = backend.Affine(backend.Unary(levels[level - 1], UnaryOp.Sigmoid), 1, 1);
                source = backend.Multiply(source, seen);
                positions = _positions.Grid(backend, 2 * grid, 2 * grid);
            }

            Tensor tokens = Tokens(backend, fused, level);
            Tensor mask = Decode(backend, level, backend.Add(source, dense), positions, tokens);
            levels.Add(mask);
            Tensor share = backend.Affine(backend.Resize(mask, 4 * grid, 4 * grid, ResizeMode.Bilinear),
                1f / LevelCount);
            sum = sum is null ? share : backend.Add(sum, share);
        }

        return new PixelLmMasks([.. levels.Select(scope.Keep)], scope.Keep(sum!));
    }

    // [iou, masks, fused of this level] + level embedding -> [targets, 6, width]
    private Tensor Tokens(IBackend backend, Tensor fused, int level)
    {
        int targets = fused.Size(0);
        Tensor output = backend.Concat(0, backend.Use(_iouToken), backend.Use(_maskTokens));
        output = backend.Reshape(output, new Shape(1, 1 + MaskTokens, _width));
        output = backend.Add(backend.Zeros(new Shape(targets, 1 + MaskTokens, _width)), output);
        Tensor tokens = backend.Concat(1, output, backend.Slice(fused, 1, level, 1));
        return backend.Add(tokens, backend.Slice(backend.Use(_levelEmbedding), 0, level, 1));
    }

    private Tensor Decode(IBackend backend, int level, Tensor source, Tensor positions, Tensor tokens)
    {
        (int targets, int side) = (source.Size(0), source.Size(2));
        (tokens, Tensor picture) = _transformers[level].Forward(backend, tokens, ToCells(backend, source),
            ToCells(backend, positions));
        picture = backend.Reshape(backend.Permute(picture, 0, 2, 1), new Shape(targets, _width, side, side));
        picture = backend.Unary(_upscalingNorm.Forward(backend, _upscaling.Forward(backend, picture)), UnaryOp.Gelu);
        picture = backend.Reshape(picture, new Shape(targets, _width / 8, 4 * side * side));
        Tensor hyper = _hyper[0].Forward(backend, backend.Slice(tokens, 1, 1, 1)); // the single mask is token 0
        return backend.Reshape(backend.MatMul(hyper, picture), new Shape(targets, 1, 2 * side, 2 * side));
    }

    // [n, C, h, w] -> [n, h*w, C]
    private static Tensor ToCells(IBackend backend, Tensor x) =>
        backend.Permute(backend.Reshape(x, new Shape(x.Size(0), x.Size(1), x.Size(2) * x.Size(3))), 0, 2, 1);
}
