using PixSearch.Models.PixelLm;
using PixSearch.Models.Sam;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Parity;

/// <summary>PixelLM's pixel decoder, all targets at once and one by one.</summary>
internal static class PixelLmParity
{
    public static void Run(Fixture fixture)
    {
        int grid = fixture.Int("grid");
        int width = fixture.Int("out_dim");
        int heads = fixture.Int("num_heads", 8);
        if (fixture.Int("levels") != PixelLmMaskDecoder.LevelCount)
        {
            throw Config.Broken(
                $"levels is {fixture.Int("levels")}; PixelLM's decoder has {PixelLmMaskDecoder.LevelCount}");
        }

        // Only the grid and the width of SAM's sizes are used: PixelLM has no SAM image encoder.
        var sizes = new SamConfig
        {
            ImageSize = grid,
            PatchSize = 1,
            EmbedDim = 1,
            Depth = 1,
            NumHeads = 1,
            GlobalAttnIndexes = [],
            OutChans = width,
            DecoderHeads = heads,
        };
        WeightScope model = fixture.Weights.Root["model"];
        var neck = new FeatureNeck(model["image_feature_neck"], fixture.Int("hidden_size"), width);
        var prompts = new SamPromptEncoder(model["prompt_encoder"], sizes);
        var decoder = new PixelLmMaskDecoder(model["mask_decoder"], width, heads, fixture.Int("mlp_dim"));
        fixture.CheckWeights();

        IBackend backend = fixture.Backend;
        Tensor features = neck.Forward(backend, fixture.Tensor("test.image_features"));
        Tensor[] levels = [.. Enumerable.Range(0, features.Size(0)).Select(i => backend.Slice(features, 0, i, 1))];
        Tensor segments = fixture.Tensor("test.segment_hidden");
        PixelLmMasks masks = decoder.Forward(backend, levels, prompts, segments);
        fixture.Compare("test.level0_logits", "batched", masks.Levels[0]);
        fixture.Compare("test.level1_logits", "batched", masks.Levels[1]);
        fixture.Compare("test.low_res_logits", "batched", masks.Masks);
        Tensor[] rows = [.. Enumerable.Range(0, segments.Size(0))
            .Select(i => decoder.Forward(backend, levels, prompts, backend.Slice(segments, 0, i, 1)).Masks)];
        fixture.Compare("test.low_res_logits", "one by one", backend.Concat(0, rows));
    }
}
