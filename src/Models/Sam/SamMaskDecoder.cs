using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Sam;

/// <summary>
/// SAM's mask decoder: tokens [iou, masks, prompts] go through the two-way transformer; each mask is the product of a
/// token's hyper-network with the up-scaled picture. Row n of a call may belong to any picture. Weights: <c>iou_token,
/// mask_tokens, transformer, output_upscaling.{0,1,3}, output_hypernetworks_mlps.{i}, iou_prediction_head</c>.
/// </summary>
public sealed class SamMaskDecoder
{
    private readonly SamConfig _config;
    private readonly TwoWayTransformer _transformer;
    private readonly Weight _iouToken;
    private readonly Weight _maskTokens;
    private readonly UpConvolution _up1;
    private readonly ChannelNorm _upNorm;
    private readonly UpConvolution _up2;
    private readonly Mlp[] _hyper;
    private readonly Mlp _iouHead;

    /// <summary>A decoder of these sizes.</summary>
    public SamMaskDecoder(WeightScope weights, SamConfig config)
    {
        _config = config.Validate();
        int width = config.OutChans;
        _transformer = new TwoWayTransformer(weights["transformer"], config.DecoderDepth, width, config.DecoderHeads,
            config.DecoderMlpDim);
        _iouToken = weights["iou_token"].Get("weight", new Shape(1, width), WeightInit.Normal(1));
        _maskTokens = weights["mask_tokens"].Get("weight", new Shape(config.MaskTokens, width), WeightInit.Normal(1));
        WeightScope upscaling = weights["output_upscaling"];
        _up1 = new UpConvolution(upscaling[0], width, width / 4);
        _upNorm = new ChannelNorm(upscaling[1], width / 4);
        _up2 = new UpConvolution(upscaling[3], width / 4, width / 8);
        _hyper = new Mlp[config.MaskTokens];
        for (int i = 0; i < _hyper.Length; i++)
        {
            _hyper[i] = new Mlp(weights["output_hypernetworks_mlps"][i]["layers"], [width, width, width, width / 8]);
        }

        _iouHead = new Mlp(weights["iou_prediction_head"]["layers"], [width, width, width, config.MaskTokens]);
    }

    /// <summary>
    /// Low-resolution mask logits and predicted quality of each row.
    /// </summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="pictures">Image embeddings. Shape: [pictures, outChans, grid, grid].</param>
    /// <param name="pictureOfRow">For each row its picture; pictures may repeat.</param>
    /// <param name="positions">Positions of the cells. Shape: [1, outChans, grid, grid].</param>
    /// <param name="sparse">Prompt tokens. Shape: [rows, tokens, outChans].</param>
    /// <param name="dense">Dense prompts. Shape: [rows, outChans, grid, grid] or one that broadcasts to it.</param>
    /// <param name="multimask">Three masks of different extent instead of the one.</param>
    /// <returns>Shapes: masks [rows, masks, 4 grid, 4 grid], quality [rows, masks].</returns>
    public (Tensor Masks, Tensor Quality) Forward(IBackend backend, Tensor pictures, ReadOnlySpan<int> pictureOfRow,
        Tensor positions, Tensor sparse, Tensor dense, bool multimask = false)
    {
        using var scope = new TensorScope();
        int rows = sparse.Size(0);
        if (pictureOfRow.Length != rows)
        {
            throw new ArgumentException($"{rows} prompts need {rows} picture numbers, not {pictureOfRow.Length}.");
        }

        (int width, int height, int side) = (_config.OutChans, pictures.Size(2), pictures.Size(3));
        Tensor picture = backend.Add(backend.Gather(pictures, pictureOfRow), dense);
        (Tensor tokens, picture) = _transformer.Forward(backend, WithOutputTokens(backend, sparse),
            ToCells(backend, picture), ToCells(backend, positions));

        // [rows, cells, C] -> [rows, C, h, w] -> [rows, C/8, 4h * 4w]
        picture = backend.Reshape(backend.Permute(picture, 0, 2, 1), new Shape(rows, width, height, side));
        picture = backend.Unary(_upNorm.Forward(backend, _up1.Forward(backend, picture)), UnaryOp.Gelu);
        picture = backend.Unary(_up2.Forward(backend, picture), UnaryOp.Gelu);
        picture = backend.Reshape(picture, new Shape(rows, width / 8, 16 * height * side));

        int first = multimask ? 1 : 0;
        int count = multimask ? _config.MaskTokens - 1 : 1;
        var vectors = new Tensor[count];
        for (int i = 0; i < count; i++)
        {
            Tensor token = backend.Slice(tokens, 1, 1 + first + i, 1);
            vectors[i] = _hyper[first + i].Forward(backend, token);
        }

        Tensor hyper = count == 1 ? vectors[0] : backend.Concat(1, vectors);
        Tensor masks = backend.Reshape(backend.MatMul(hyper, picture), new Shape(rows, count, 4 * height, 4 * side));
        Tensor iou = backend.Reshape(backend.Slice(tokens, 1, 0, 1), new Shape(rows, width));
        Tensor quality = backend.Slice(_iouHead.Forward(backend, iou), 1, first, count);
        return (scope.Keep(masks), scope.Keep(quality));
    }

    // [rows, tokens, C] -> [rows, 1 + masks + tokens, C]
    private Tensor WithOutputTokens(IBackend backend, Tensor sparse)
    {
        Tensor output = backend.Concat(0, backend.Use(_iouToken), backend.Use(_maskTokens));
        output = backend.Reshape(output, new Shape(1, 1 + _config.MaskTokens, _config.OutChans));
        Tensor zeros = backend.Zeros(new Shape(sparse.Size(0), 1 + _config.MaskTokens, _config.OutChans));
        return backend.Concat(1, backend.Add(zeros, output), sparse);
    }

    // [n, C, h, w] -> [n, h*w, C]
    private static Tensor ToCells(IBackend backend, Tensor x) =>
        backend.Permute(backend.Reshape(x, new Shape(x.Size(0), x.Size(1), x.Size(2) * x.Size(3))), 0, 2, 1);
}
