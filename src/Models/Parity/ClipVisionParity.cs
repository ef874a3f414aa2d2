using PixSearch.Models.Vision;
using PixSearch.Tensors;

namespace PixSearch.Models.Parity;

/// <summary>CLIP's vision transformer: every hidden state, in a batch and one by one.</summary>
internal static class ClipVisionParity
{
    public static void Run(Fixture fixture)
    {
        var config = new ClipVisionConfig
        {
            ImageSize = fixture.Int("image_size"),
            PatchSize = fixture.Int("patch_size"),
            HiddenSize = fixture.Int("hidden_size"),
            NumHiddenLayers = fixture.Int("num_hidden_layers"),
            NumAttentionHeads = fixture.Int("num_attention_heads"),
            IntermediateSize = fixture.ShapeOf("vision_model.encoder.layers.0.mlp.fc1.bias")[0],
            HiddenAct = fixture.Text("hidden_act"),
            LayerNormEps = fixture.Float("layer_norm_eps"),
        };
        var model = new ClipVision(fixture.Weights.Root["vision_model"], config);
        fixture.CheckWeights();
        Tensor pixels = fixture.Tensor("test.pixel_values");
        fixture.Compare("test.hidden_states", "batched", Stack(fixture, model.Forward(fixture.Backend, pixels)));

        var rows = new Tensor[pixels.Size(0)];
        for (int i = 0; i < rows.Length; i++)
        {
            Tensor one = fixture.Backend.Slice(pixels, 0, i, 1);
            rows[i] = Stack(fixture, model.Forward(fixture.Backend, one));
        }

        fixture.Compare("test.hidden_states", "one by one", fixture.Backend.Concat(1, rows));
    }

    // states of [B, tokens, hidden] -> [states, B, tokens, hidden]
    private static Tensor Stack(Fixture fixture, Tensor[] states)
    {
        Shape shape = states[0].Shape;
        var stacked = new Shape(1, shape[0], shape[1], shape[2]);
        return fixture.Backend.Concat(0, [.. states.Select(state => fixture.Backend.Reshape(state, stacked))]);
    }
}
