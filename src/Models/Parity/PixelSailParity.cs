using PixSearch.Models.PixelSail;
using PixSearch.Models.Text;
using PixSearch.Tensors;

namespace PixSearch.Models.Parity;

/// <summary>
/// Pixel-SAIL: positions, attention rule, decoder (whole, and with the picture's prefix in the cache), features and
/// masks.
/// </summary>
internal static class PixelSailParity
{
    private const int PageSize = 4;

    public static void Run(Fixture fixture)
    {
        PixelSailConfig config = ConfigOf(fixture);
        var network = new PixelSailNetwork(fixture.Weights, config);
        fixture.CheckWeights();
        IBackend backend = fixture.Backend;
        int[] ids = fixture.Ids("test.input_ids");
        (int Height, int Width) grid = fixture.Size("grid_hw");
        Dictionary<string, int> tokens = fixture.IntsByName("token_ids", "vpatch", "vision", "/vision", "[SEG]");
        int first = Array.IndexOf(ids, tokens["vpatch"]);
        int end = Array.IndexOf(ids, tokens["/vision"]) + 1;
        var span = (Start: Array.IndexOf(ids, tokens["vision"]), End: end);

        var positions = MropePositions.Of(0, ids.Length, first, grid.Height, grid.Width);
        fixture.CompareIds("test.position_ids", "rule", [.. positions.Time, .. positions.Rows, .. positions.Columns]);
        fixture.CompareIds("test.attention_allowed", "rule", Allowed(ids.Length, span.Start, span.End));

        Tensor x = Embed(fixture, network, ids, first, tokens);
        var rotary = RotaryTables.ForAxes(backend, positions.Rows, positions.Columns, config.TextConfig.HeadSize,
            config.TextConfig.RopeTheta);
        AttentionMask mask = AttentionMask.CausalOnly with { FullStart = span.Start, FullEnd = span.End };
        Tensor batched = backend.Reshape(x, new Shape(1, ids.Length, x.Size(1)));
        Tensor hidden = network.Text.Forward(backend, batched, new SequenceAttention(rotary, mask));
        hidden = backend.Reshape(hidden, x.Shape);
        Report(fixture, network, "whole", hidden);
        Report(fixture, network, "cached", Cached(fixture, network, x, positions, span));
        Masks(fixture, network, hidden, ids, first, grid, tokens["[SEG]"]);
    }

    private static PixelSailConfig ConfigOf(Fixture fixture) => new()
    {
        TextConfig = new LlamaConfig
        {
            HiddenSize = fixture.Int("hidden_size"),
            NumHiddenLayers = fixture.Int("num_hidden_layers"),
            NumAttentionHeads = fixture.Int("num_attention_heads"),
            NumKeyValueHeads = fixture.Int("num_key_value_heads"),
            IntermediateSize = fixture.Int("intermediate_size"),
            VocabSize = fixture.Int("vocab_size"),
            RopeTheta = fixture.Float("rope_theta"),
            RmsNormEps = fixture.Float("rms_norm_eps"),
            AttentionBias = true,
            TieWordEmbeddings = !fixture.Has("single_transformer.lm_head.weight"),
        },
        PatchSize = fixture.Int("patch_size"),
        SegHidden = fixture.Int("seg_hidden"),
    };

    // Patch slots hold the embedded patches, all others their token.
    private static Tensor Embed(Fixture fixture, PixelSailNetwork network, int[] ids, int first,
        Dictionary<string, int> tokens)
    {
        IBackend backend = fixture.Backend;
        int[] prompts = [.. fixture.Ids("test.visual_prompt_index").Select(k => k < 0 ? -1 : tokens[$"<Prompt{k}>"])];
        Tensor patches = network.EmbedPatches(backend, fixture.Tensor("test.patches"), tokens["vpatch"], prompts);
        int after = first + patches.Size(0);
        return backend.Concat(0, network.Text.Embed(backend, ids.AsSpan(0, first)), patches,
            network.Text.Embed(backend, ids.AsSpan(after)));
    }

    private static int[] Allowed(int count, int start, int end)
    {
        int[] allowed = new int[count * count];
        for (int q = 0; q < count; q++)
        {
            for (int k = 0; k < count; k++)
            {
                bool inside = q >= start && q < end && k >= start && k < end;
                allowed[(q * count) + k] = k <= q || inside ? 1 : 0;
            }
        }

        return allowed;
    }

    // The picture's prefix in one step, then token by token.
    private static Tensor Cached(Fixture fixture, PixelSailNetwork network, Tensor x, MropePositions positions,
        (int Start, int End) span)
    {
        IBackend backend = fixture.Backend;
        int count = x.Size(0);
        int[] pages = [.. Enumerable.Range(0, (count + PageSize - 1) / PageSize)];
        using KvStore store = network.Text.CreateKvStore(backend, pages.Length, PageSize);
        var parts = new List<Tensor>();
        for (int start = 0; start < count;)
        {
            int rows = start == 0 ? span.End : 1;
            var rotary = RotaryTables.ForAxes(backend, positions.Rows.AsSpan(start, rows),
                positions.Columns.AsSpan(start, rows), network.Config.TextConfig.HeadSize,
                network.Config.TextConfig.RopeTheta);
            var sequence = new PagedSequence(pages, 0, rows, start, span.Start, span.End);
            var context = new PagedAttention(rotary, store, new PagedBatch { Sequences = [sequence] });
            parts.Add(network.Text.ForwardStep(backend, backend.Slice(x, 0, start, rows), context));
            start += rows;
        }

        return backend.Concat(0, [.. parts]);
    }

    private static void Report(Fixture fixture, PixelSailNetwork network, string path, Tensor hidden)
    {
        fixture.Compare("test.hidden_after_norm", path, hidden);
        fixture.Compare("test.logits", path, network.Text.Logits(fixture.Backend, hidden));
    }

    private static void Masks(Fixture fixture, PixelSailNetwork network, Tensor hidden, int[] ids, int first,
        (int Height, int Width) grid,
        int segment)
    {
        IBackend backend = fixture.Backend;
        Tensor patchRows = backend.Slice(hidden, 0, first, grid.Height * grid.Width);
        Tensor features = network.Head.Upsample(backend, patchRows, grid.Height, grid.Width);
        fixture.Compare("test.upsampled_features", "head", features);
        int[] at = [.. Enumerable.Range(0, ids.Length).Where(i => ids[i] == segment)];
        Tensor masks = network.Head.Masks(backend, features, backend.Gather(hidden, at));
        fixture.Compare("test.low_res_logits", "head", masks);
        (int height, int width) = fixture.Size("original_size_hw");
        Tensor batched = backend.Reshape(masks, new Shape(1, at.Length, masks.Size(1), masks.Size(2)));
        fixture.Compare("test.postprocessed_logits", "head",
            backend.Resize(batched, height, width, ResizeMode.Bilinear));
    }
}
