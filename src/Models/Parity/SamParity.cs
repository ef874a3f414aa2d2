using PixSearch.Abstractions;
using PixSearch.Models.Sam;
using PixSearch.Tensors;

namespace PixSearch.Models.Parity;

/// <summary>SAM: encoder, text, point, box and mask prompts, multi-mask output, post-processing.</summary>
internal static class SamParity
{
    public static void Run(Fixture fixture)
    {
        var config = new SamConfig
        {
            ImageSize = fixture.Int("image_size"),
            PatchSize = fixture.Int("patch_size"),
            EmbedDim = fixture.Int("embed_dim"),
            Depth = fixture.Int("depth"),
            NumHeads = fixture.Int("num_heads"),
            MlpRatio = fixture.ShapeOf("image_encoder.blocks.0.mlp.lin1.bias")[0] / Math.Max(1,
                fixture.Int("embed_dim")),
            WindowSize = fixture.Int("window_size"),
            GlobalAttnIndexes = fixture.Ints("global_attn_indexes"),
            OutChans = fixture.Int("out_chans"),
            DecoderMlpDim = fixture.Int("mask_decoder_mlp_dim"),
            DecoderHeads = fixture.Int("mask_decoder_num_heads", 8),
        };
        var encoder = new SamImageEncoder(fixture.Weights.Root["image_encoder"], config);
        var prompts = new SamPromptEncoder(fixture.Weights.Root["prompt_encoder"], config);
        var decoder = new SamMaskDecoder(fixture.Weights.Root["mask_decoder"], config);
        fixture.CheckWeights();

        fixture.Compare("test.image_embedding", "encoder",
            encoder.Forward(fixture.Backend, fixture.Tensor("test.image")));
        fixture.Compare("test.dense_pe", "prompt encoder", prompts.DensePositions(fixture.Backend));
        var call = new Call(fixture, prompts, decoder, fixture.Tensor("test.image_embedding"));
        TextPrompts(fixture, config, call);
        PointsAndBox(fixture, prompts, call);
    }

    private static void TextPrompts(Fixture fixture, SamConfig config, Call call)
    {
        IBackend backend = fixture.Backend;
        Tensor text = fixture.Tensor("test.text_prompts");
        Tensor noMask = call.Prompts.NoMask(backend);
        (Tensor masks, Tensor quality) = call.Decode(text, noMask);
        fixture.Compare("test.low_res_logits", "batched", masks);
        fixture.Compare("test.iou", "batched", quality);
        (int Height, int Width) valid = fixture.Size("input_size_hw");
        (int Height, int Width) original = fixture.Size("original_size_hw");
        fixture.Compare("test.postprocessed_logits", "batched", SamPostprocess.ToOriginal(backend, masks,
            config.ImageSize, valid.Height, valid.Width, original.Height, original.Width));

        var rows = new Tensor[text.Size(0)];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = call.Decode(backend.Slice(text, 0, i, 1), noMask).Masks;
        }

        fixture.Compare("test.low_res_logits", "one by one", backend.Concat(0, rows));
        (masks, quality) = call.Decode(backend.Slice(text, 0, 0, 1), noMask, multimask: true);
        fixture.Compare("test.multimask_low_res_logits", "decoder", masks);
        fixture.Compare("test.multimask_iou", "decoder", quality);
    }

    private static void PointsAndBox(Fixture fixture, SamPromptEncoder prompts, Call call)
    {
        IBackend backend = fixture.Backend;
        float[] xy = Numbers(fixture, "test.points");
        int[] labels = fixture.Ids("test.point_labels");
        SamPoint[] points = [.. labels.Select((label, i) => new SamPoint(xy[2 * i], xy[(2 * i) + 1], label == 1))];
        if (labels.Any(label => label is not (0 or 1)))
        {
            throw new PixException(PixErrorKind.BrokenArtifact, "Point labels other than 0 and 1 are not supported.");
        }

        Tensor sparse = prompts.EncodePoints(backend, points, []);
        (Tensor masks, Tensor quality) = call.Decode(sparse, prompts.NoMask(backend));
        fixture.Compare("test.points_low_res_logits", "decoder", masks);
        fixture.Compare("test.points_iou", "decoder", quality);

        float[] corners = Numbers(fixture, "test.box");
        sparse = prompts.EncodePoints(backend, [], [new SamBox(corners[0], corners[1], corners[2], corners[3])]);
        masks = call.Decode(sparse, prompts.EncodeMask(backend, masks)).Masks;
        fixture.Compare("test.box_and_mask_low_res_logits", "decoder", masks);
    }

    private static float[] Numbers(Fixture fixture, string name)
    {
        Tensor tensor = fixture.Tensor(name);
        float[] numbers = new float[tensor.Count];
        fixture.Backend.Read(tensor, numbers);
        return numbers;
    }

    private sealed record Call(Fixture Fixture, SamPromptEncoder Prompts, SamMaskDecoder Decoder, Tensor Picture)
    {
        public (Tensor Masks, Tensor Quality) Decode(Tensor sparse, Tensor dense, bool multimask = false) =>
            Decoder.Forward(Fixture.Backend, Picture, new int[sparse.Size(0)],
                Prompts.DensePositions(Fixture.Backend), sparse, dense, multimask);
    }
}
