using PixSearch.Models.Layers;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.PixelSail;

/// <summary>
/// Pixel-SAIL on SOLO: one Qwen2-type decoder reads raw patches and text; masks are inner products of up-sampled patch states with
/// projected <c>[SEG]</c> states. Weights: <c>single_transformer.*</c>, <c>upsample_blocks.{k}</c>,
/// <c>image_feature_pre_projector</c> (hidden states wider than 1024), <c>image_feature_projector</c>,
/// <c>seg_token_projector</c>.
/// </summary>
public sealed class PixelSailNetwork
{
    private readonly Dense _patchEmbedding;
    private readonly Dense _promptEmbedding;
    private readonly Mlp? _preProjector;
    private readonly UpsampleBlock[] _upsampling;
    private readonly Mlp _featureProjector;
    private readonly Mlp _segmentProjector;

    /// <summary>A network whose weights come from the store's source.</summary>
    public PixelSailNetwork(WeightStore weights, PixelSailConfig config)
    {
        Config = config.Validate();
        WeightScope root = weights.Root;
        (int hidden, int inner) = (config.TextConfig.HiddenSize, config.InnerSize);
        WeightScope transformer = root["single_transformer"];
        Text = new Llama(transformer, config.TextConfig);
        var init = WeightInit.Normal(0.02f);
        int patch = 3 * config.PatchSize * config.PatchSize;
        _patchEmbedding = new Dense(transformer["model"]["vis_embed"], patch, hidden, false, init);
        _promptEmbedding = new Dense(transformer["model"]["vp_embed"], hidden, hidden, false, init);
        _preProjector = hidden > inner
            ? new Mlp(root["image_feature_pre_projector"], [hidden, hidden, inner], nameStep: 2)
            : null;
        _upsampling = [.. Enumerable.Range(0, config.UpsampleCount)
            .Select(k => new UpsampleBlock(root["upsample_blocks"][k], inner))];
        _featureProjector = new Mlp(root["image_feature_projector"], [inner, inner, config.SegHidden], nameStep: 2);
        _segmentProjector = new Mlp(root["seg_token_projector"], [hidden, inner, config.SegHidden], nameStep: 2);
    }

    /// <summary>The sizes.</summary>
    public PixelSailConfig Config { get; }

    /// <summary>The transformer.</summary>
    public Llama Text { get; }

    /// <summary>
    /// Rows of a picture: <c>E[patchToken] + vis_embed(patch) + vp_embed(E[prompt])</c>, the last only for patches with a visual
    /// prompt.
    /// </summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="patches">Flattened (colour, row, column). Shape: [patches, 3 patch patch].</param>
    /// <param name="patchToken">Id of <c>&lt;vpatch&gt;</c>.</param>
    /// <param name="promptTokens">For each patch the id of its <c>&lt;PromptK&gt;</c>, or -1; empty for no prompts.</param>
    /// <returns>Shape: [patches, hidden].</returns>
    public Tensor EmbedPatches(IBackend backend, Tensor patches, int patchToken, ReadOnlySpan<int> promptTokens)
    {
        using var scope = new TensorScope();
        Tensor x = backend.Add(_patchEmbedding.Forward(backend, patches), Text.Embed(backend, [patchToken]));
        int[] marked = MarkedPatches(promptTokens);
        if (marked.Length > 0)
        {
            int[] kinds = [.. marked.Select(_ => 0)];
            int[] distinct = [.. DistinctTokens(promptTokens, marked, kinds)];
            Tensor table = _promptEmbedding.Forward(backend, Text.Embed(backend, distinct));
            int[] row = new int[patches.Size(0)];
            Array.Fill(row, -1);
            for (int i = 0; i < marked.Length; i++)
            {
                row[marked[i]] = kinds[i];
            }

            x = backend.Add(x, backend.Gather(table, row)); // index -1 gives zeros
        }

        return scope.Keep(x);
    }

    /// <summary>
    /// Features of a picture at an output stride of 2. Shapes: hidden [gridHeight * gridWidth, hidden] (patch rows after the
    /// final norm), result [1, inner, gridHeight * 2^k, gridWidth * 2^k].
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
    /// Mask logits. Shapes: features as <see cref="Upsample"/> gives [1, inner, h, w], segments [masks, hidden] (states at the
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

    private static int[] MarkedPatches(ReadOnlySpan<int> promptTokens)
    {
        var marked = new List<int>();
        for (int i = 0; i < promptTokens.Length; i++)
        {
            if (promptTokens[i] >= 0)
            {
                marked.Add(i);
            }
        }

        return [.. marked];
    }

    // The distinct tokens; kinds[i] becomes the index of marked patch i's token among them.
    private static List<int> DistinctTokens(ReadOnlySpan<int> promptTokens, int[] marked, int[] kinds)
    {
        var distinct = new List<int>();
        for (int i = 0; i < marked.Length; i++)
        {
            int token = promptTokens[marked[i]];
            int index = distinct.IndexOf(token);
            if (index < 0)
            {
                index = distinct.Count;
                distinct.Add(token);
            }

            kinds[i] = index;
        }

        return distinct;
    }
}
