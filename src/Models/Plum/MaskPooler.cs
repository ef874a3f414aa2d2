using PixSearch.Models.Layers;
using PixSearch.Models.Sam;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Plum;

/// <summary>
/// PLUM's feedback from earlier masks of an answer to the next one's dense prompt: SAM's mask convolutions, each
/// modulated by the
/// mask's own span query (FiLM: <c>x * (scale + 1) + shift</c>), then attention at every cell from a learned query over
/// the earlier masks. Weights: <c>queries [cells, 1, C], attn.{in_proj_weight,in_proj_bias,out_proj},
/// mask_modulator.projections.{0-2}</c>.
/// </summary>
public sealed class MaskPooler
{
    private readonly int _width;
    private readonly int _heads;
    private readonly int _cells;
    private readonly SamPromptEncoder _prompts;
    private readonly Weight _queries;
    private readonly Weight _inWeight;
    private readonly Weight _inBias;
    private readonly Dense _output;
    private readonly Dense[] _modulators;

    /// <summary>A pooler that shares the convolutions of a prompt encoder.</summary>
    public MaskPooler(WeightScope weights, SamConfig config, int heads, SamPromptEncoder prompts)
    {
        (_width, _heads, _prompts) = (config.OutChans, heads, prompts);
        _cells = config.Grid * config.Grid;
        Heads.Check("Mask pooler", _width, heads);
        _queries = weights.Get("queries", new Shape(_cells, 1, _width), WeightInit.Normal(0.02f));
        WeightScope attention = weights["attn"];
        _inWeight = attention.Get("in_proj_weight", new Shape(3 * _width, _width),
            WeightInit.FanIn(_width) with { Use = WeightUse.Matrix });
        _inBias = attention.Get("in_proj_bias", new Shape(3 * _width), WeightInit.Zeros);
        _output = new Dense(attention["out_proj"], _width, _width);

        // The third projection is in the checkpoints but PLUM's code never uses it; it is built so that a save is
        // complete.
        int[] channels = [MaskDownscaling.FirstChannels, MaskDownscaling.SecondChannels, _width];
        WeightScope projections = weights["mask_modulator"]["projections"];
        _modulators = [.. channels.Select((count, i) => new Dense(projections[i], _width, 2 * count))];
    }

    /// <summary>
    /// Dense prompts of answers that have equally many earlier masks.
    /// </summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="queries">Span queries of the earlier masks. Shape: [answers, earlier, C].</param>
    /// <param name="masks">Low-resolution logits, not thresholded. Shape: [answers, earlier, 4h, 4w].</param>
    /// <returns>Shape: [answers, C, h, w].</returns>
    public Tensor Forward(IBackend backend, Tensor queries, Tensor masks)
    {
        using var scope = new TensorScope();
        (int answers, int earlier) = (masks.Size(0), masks.Size(1));
        int count = answers * earlier;
        (int height, int width) = (masks.Size(2) / 4, masks.Size(3) / 4);
        Tensor q = backend.Reshape(queries, new Shape(count, _width));
        Tensor x = backend.Reshape(masks, new Shape(count, 1, masks.Size(2), masks.Size(3)));
        x = Modulate(backend, 0, _prompts.Downscaling.First(backend, x), q);
        x = Modulate(backend, 1, _prompts.Downscaling.Second(backend, x), q);
        x = backend.Add(_prompts.Downscaling.Third(backend, x), _prompts.DensePositions(backend));

        // [A*n, C, h, w] -> [A, n, C, cells] -> [A, cells, n, C] -> [A*cells, n, C]: each cell attends over the masks
        x = backend.Permute(backend.Reshape(x, new Shape(answers, earlier, _width, _cells)), 0, 3, 1, 2);
        Tensor pooled = Attend(backend, backend.Reshape(x, new Shape(answers * _cells, earlier, _width)), answers);

        // [A*cells, 1, C] -> [A, C, h, w]
        pooled = backend.Permute(backend.Reshape(pooled, new Shape(answers, _cells, _width)), 0, 2, 1);
        return scope.Keep(backend.Reshape(pooled, new Shape(answers, _width, height, width)));
    }

    private Tensor Modulate(IBackend backend, int stage, Tensor x, Tensor query)
    {
        (int count, int channels) = (x.Size(0), x.Size(1));
        Tensor both = _modulators[stage].Forward(backend, query);
        var shape = new Shape(count, channels, 1, 1);
        Tensor scale = backend.Reshape(backend.Affine(backend.Slice(both, 1, 0, channels), 1, 1), shape);
        Tensor shift = backend.Reshape(backend.Slice(both, 1, channels, channels), shape);
        return backend.Unary(backend.Add(backend.Multiply(x, scale), shift), UnaryOp.Gelu);
    }

    // x [A*cells, n, C] -> [A*cells, 1, C]
    private Tensor Attend(IBackend backend, Tensor x, int answers)
    {
        Tensor learned = backend.Reshape(backend.Use(_queries), new Shape(1, _cells, _width));
        learned = backend.Slice(backend.Linear(learned, _inWeight, _inBias), 2, 0, _width);
        Tensor q = backend.Add(backend.Zeros(new Shape(answers, _cells, _width)), learned);
        q = backend.Reshape(q, new Shape(answers * _cells, 1, _width));

        // The three projections lie in one weight; computing q of x too costs a third more but keeps the packed
        // product.
        Tensor qkv = backend.Linear(x, _inWeight, _inBias);
        Tensor mixed = backend.Attention(
            Heads.Split(backend, q, _heads),
            Heads.Split(backend, backend.Slice(qkv, 2, _width, _width), _heads),
            Heads.Split(backend, backend.Slice(qkv, 2, 2 * _width, _width), _heads),
            AttentionMask.Full,
            Heads.Scale(_width / _heads));
        return _output.Forward(backend, Heads.Join(backend, mixed));
    }
}
