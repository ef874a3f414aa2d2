using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Parity;

/// <summary>PLUM's heads: span tagger, span queries, and masks in span order through the feedback loop.</summary>
internal static class PlumHeadsParity
{
    public static void Run(Fixture fixture)
    {
        int grid = fixture.Int("grid");
        int hiddenSize = fixture.Int("hidden_size");
        var config = new SamConfig
        {
            // The file holds no image encoder: only the grid and what comes after it matter.
            ImageSize = grid,
            PatchSize = 1,
            EmbedDim = 1,
            Depth = 1,
            NumHeads = 1,
            GlobalAttnIndexes = [],
            OutChans = fixture.Int("out_dim"),
            DecoderMlpDim = fixture.Int("mlp_dim"),
            DecoderHeads = fixture.Int("mask_decoder_num_heads", 8),
        };
        WeightScope root = fixture.Weights.Root;
        WeightScope sam = root["model"]["visual_model"];
        var tagger = new SpanTagger(root, hiddenSize, fixture.Int("nhead", 8), fixture.Int("ff"));
        var head = new SpanQueryHead(root["model"]["text_hidden_fcs"][0], hiddenSize, config.OutChans);
        var prompts = new SamPromptEncoder(sam["prompt_encoder"], config);
        var decoder = new SamMaskDecoder(sam["mask_decoder"], config);
        var pooler = new MaskPooler(root["mask_pooler"], config, fixture.Int("pooler_heads", 8), prompts);
        fixture.CheckWeights();

        IBackend backend = fixture.Backend;
        Tensor hidden = fixture.Tensor("test.hidden");
        fixture.Compare("test.bio_logits", "tagger", tagger.Forward(backend, hidden));
        int[] bounds = fixture.Ids("test.span_bounds");
        Grounding[] spans = [.. Enumerable.Range(0, bounds.Length / 2)
            .Select(i => new Grounding(bounds[2 * i], bounds[(2 * i) + 1]))];
        Tensor rows = backend.Reshape(hidden, new Shape(hidden.Size(0) * hidden.Size(1), hiddenSize));
        Tensor queries = head.ForwardSpans(backend, rows, spans);
        fixture.Compare("test.span_queries", "head", queries);
        Feedback(fixture, new MaskFeedback(prompts, decoder, pooler), queries, config);
    }

    private static void Feedback(Fixture fixture, MaskFeedback feedback, Tensor queries, SamConfig config)
    {
        IBackend backend = fixture.Backend;
        Tensor picture = fixture.Tensor("test.image_embedding");
        int count = queries.Size(0);
        MaskRow[] one = [.. Enumerable.Repeat(new MaskRow(0, 0), count)];
        Tensor masks = feedback.Decode(backend, picture, queries, one);
        fixture.Compare("test.low_res_logits", "one answer", masks);

        // The same answer for two pictures at once, rows interleaved: each half must equal the reference.
        Tensor twice = backend.Gather(queries, [.. Enumerable.Range(0, 2 * count).Select(i => i / 2)]);
        MaskRow[] two = [.. Enumerable.Range(0, 2 * count).Select(i => new MaskRow(i % 2, i % 2))];
        Tensor both = feedback.Decode(backend, backend.Concat(0, picture, picture), twice, two);
        for (int half = 0; half < 2; half++)
        {
            int[] index = [.. Enumerable.Range(0, count).Select(i => (2 * i) + half)];
            fixture.Compare("test.low_res_logits", $"answer {half} of two", backend.Gather(both, index));
        }

        var dense = new Tensor[count];
        Tensor zeros = backend.Zeros(new Shape(1, config.OutChans, config.Grid, config.Grid));
        for (int i = 0; i < count; i++)
        {
            Tensor prompt = feedback.DensePrompt(backend, backend.Slice(queries, 0, 0, i),
                backend.Slice(masks, 0, 0, i));
            dense[i] = backend.Add(zeros, prompt);
        }

        fixture.Compare("test.dense_prompts", "pooler", backend.Concat(0, dense));
    }
}
