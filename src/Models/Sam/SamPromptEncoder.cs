using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Sam;

/// <summary>
/// SAM's prompts: points and boxes become sparse tokens, a mask becomes a dense prompt; text prompts are sparse tokens
/// made elsewhere. Weights: <c>pe_layer, point_embeddings.{0-3}, not_a_point_embed, no_mask_embed,
/// mask_downscaling.{0,1,3,4,6}</c>.
/// </summary>
public sealed class SamPromptEncoder
{
    private readonly SamConfig _config;
    private readonly Weight[] _points;
    private readonly Weight _notAPoint;
    private readonly Weight _noMask;

    /// <summary>An encoder of these sizes.</summary>
    public SamPromptEncoder(WeightScope weights, SamConfig config)
    {
        _config = config.Validate();
        int width = config.OutChans;
        Positions = new GaussianPositions(weights["pe_layer"], width);
        _points = new Weight[4];
        for (int i = 0; i < _points.Length; i++)
        {
            _points[i] = Token(weights["point_embeddings"][i], width);
        }

        _notAPoint = Token(weights["not_a_point_embed"], width);
        _noMask = Token(weights["no_mask_embed"], width);
        Downscaling = new MaskDownscaling(weights["mask_downscaling"], width);
    }

    /// <summary>Positions of points and of the image embedding's cells.</summary>
    public GaussianPositions Positions { get; }

    /// <summary>The convolutions that make a dense prompt of a mask; PLUM's mask pooler uses the same ones.</summary>
    public MaskDownscaling Downscaling { get; }

    /// <summary>Positions of the image embedding. Shape: [1, outChans, grid, grid].</summary>
    public Tensor DensePositions(IBackend backend) => Positions.Grid(backend, _config.Grid, _config.Grid);

    /// <summary>The dense prompt of "no mask": broadcasts over cells. Shape: [1, outChans, 1, 1].</summary>
    public Tensor NoMask(IBackend backend) =>
        backend.Reshape(backend.Use(_noMask), new Shape(1, _config.OutChans, 1, 1));

    /// <summary>
    /// The dense prompt of low-resolution mask logits. Shapes: masks [batch, 1, 4 grid, 4 grid], result
    /// [batch, outChans, grid, grid].
    /// </summary>
    public Tensor EncodeMask(IBackend backend, Tensor masks) => Downscaling.Forward(backend, masks);

    /// <summary>
    /// Sparse tokens of points and boxes of one prompt, in pixels of the padded input picture. Shape of the result:
    /// [1, tokens, outChans]: points, then a "not a point" when there is no box, then two corners a box.
    /// </summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="points">Positions of pixels, with 1 for "inside" and 0 for "outside".</param>
    /// <param name="boxes">Corners (left, top, right, bottom).</param>
    public Tensor EncodePoints(IBackend backend, ReadOnlySpan<SamPoint> points, ReadOnlySpan<SamBox> boxes)
    {
        int padding = points.Length > 0 && boxes.Length == 0 ? 1 : 0;
        int count = points.Length + padding + (2 * boxes.Length);
        int width = _config.OutChans;
        float[] codes = new float[count * width];
        int[] kinds = new int[count];
        int at = 0;
        foreach (SamPoint point in points)
        {
            kinds[at] = point.Inside ? 1 : 0;
            Encode(backend, point.X, point.Y, codes.AsSpan(at++ * width, width));
        }

        if (padding > 0)
        {
            kinds[at++] = 4; // "not a point": no position at all
        }

        foreach (SamBox box in boxes)
        {
            kinds[at] = 2;
            Encode(backend, box.Left, box.Top, codes.AsSpan(at++ * width, width));
            kinds[at] = 3;
            Encode(backend, box.Right, box.Bottom, codes.AsSpan(at++ * width, width));
        }

        Tensor table = backend.Concat(0, backend.Use(_points[0]), backend.Use(_points[1]), backend.Use(_points[2]),
            backend.Use(_points[3]), backend.Use(_notAPoint));
        Tensor tokens = backend.Add(backend.From(codes, new Shape(count, width)), backend.Gather(table, kinds));
        return backend.Reshape(tokens, new Shape(1, count, width));
    }

    private static Weight Token(WeightScope weights, int width) =>
        weights.Get("weight", new Shape(1, width), WeightInit.Normal(1));

    // Positions are of pixel centres: half a pixel is added.
    private void Encode(IBackend backend, float x, float y, Span<float> code) =>
        Positions.Encode(backend, (x + 0.5f) / _config.ImageSize, (y + 0.5f) / _config.ImageSize, code);
}

/// <summary>A point prompt in pixels of the padded input picture.</summary>
public readonly record struct SamPoint(float X, float Y, bool Inside);

/// <summary>A box prompt in pixels of the padded input picture.</summary>
public readonly record struct SamBox(float Left, float Top, float Right, float Bottom);
