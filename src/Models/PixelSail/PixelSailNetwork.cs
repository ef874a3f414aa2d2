using PixSearch.Models.Layers;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.PixelSail;

/// <summary>
/// Pixel-SAIL on SOLO: one Qwen2-type decoder reads raw patches and text; masks are inner products of up-sampled patch
/// states with projected <c>[SEG]</c> states. Weights: <c>single_transformer.*</c>, <c>upsample_blocks.{k}</c>,
/// <c>image_feature_pre_projector</c> (hidden states wider than 1024), <c>image_feature_projector</c>,
/// <c>seg_token_projector</c>.
/// </summary>
public sealed class PixelSailNetwork
{
    private readonly Dense _patchEmbedding;
    private readonly Dense _promptEmbedding;

    /// <summary>A network whose weights come from the store's source.</summary>
    public PixelSailNetwork(WeightStore weights, PixelSailConfig config)
    {
        Config = config.Validate();
        WeightScope root = weights.Root;
        int hidden = config.TextConfig.HiddenSize;
        WeightScope transformer = root["single_transformer"];
        Text = new Llama(transformer, config.TextConfig);
        var init = WeightInit.Normal(0.02f);
        int patch = 3 * config.PatchSize * config.PatchSize;
        _patchEmbedding = new Dense(transformer["model"]["vis_embed"], patch, hidden, false, init);
        _promptEmbedding = new Dense(transformer["model"]["vp_embed"], hidden, hidden, false, init);
        Head = new MaskHead(root, hidden, config.InnerSize, config.SegHidden, config.UpsampleCount);
    }

    /// <summary>The sizes.</summary>
    public PixelSailConfig Config { get; }

    /// <summary>The transformer.</summary>
    public Llama Text { get; }

    /// <summary>From hidden states to masks.</summary>
    public MaskHead Head { get; }

    /// <summary>
    /// Rows of a picture: <c>E[patchToken] + vis_embed(patch) + vp_embed(E[prompt])</c>, the last only for patches with
    /// a visual prompt.
    /// </summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="patches">Flattened (colour, row, column). Shape: [patches, 3 patch patch].</param>
    /// <param name="patchToken">Id of <c>&lt;vpatch&gt;</c>.</param>
    /// <param name="promptTokens">For each patch the id of its <c>&lt;PromptK&gt;</c>, or -1; empty for no
    /// prompts.</param>
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
