using PixSearch.Models.Checkpoints;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: a Sa2VA checkpoint is recognised and named as systems.md says, published and as its training saves it; it is no
// model here, which is said.
public sealed class Sa2VaTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("language_model.model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.q_proj.weight")]
    [InlineData("language_model.lm_head.weight", "lm_head.weight")]
    [InlineData("vision_model.embeddings.class_embedding", "vision_model.embeddings.class_embedding")]
    [InlineData("mlp1.0.weight", "mlp1.0.weight")]
    [InlineData("mlp1.3.bias", "mlp1.3.bias")]
    [InlineData("text_hidden_fcs.0.weight", "model.text_hidden_fcs.0.0.weight")]
    [InlineData("text_hidden_fcs.2.bias", "model.text_hidden_fcs.0.2.bias")]
    [InlineData("grounding_encoder.sam2_model.memory_encoder.fuser.layers.0.gamma",
        "grounding_encoder.sam2_model.memory_encoder.fuser.layers.0.g_weight")]
    [InlineData("grounding_encoder.sam2_model.memory_encoder.fuser.layers.0.g_weight",
        "grounding_encoder.sam2_model.memory_encoder.fuser.layers.0.g_weight")]
    [InlineData("mllm.model.language_model.base_model.model.model.norm.weight", "model.norm.weight")]
    [InlineData("mllm.model.vision_model.encoder.layers.0.attn.qkv.weight",
        "vision_model.encoder.layers.0.attn.qkv.weight")]
    [InlineData("module.mllm.model.mlp1.1.weight", "mlp1.1.weight")]
    public void Canonical_Name_IsThatOfTheProject(string name, string expected) =>
        Assert.Equal(expected, CheckpointNames.Canonical(name, CheckpointLayout.Sa2Va));

    [Fact]
    public void Open_Checkpoint_IsRecognisedAsNoModelHere()
    {
        string[] names =
        [
            "vision_model.embeddings.class_embedding", "language_model.model.embed_tokens.weight",
            "language_model.model.layers.0.self_attn.q_proj.weight", "mlp1.0.weight",
            "grounding_encoder.sam2_model.image_encoder.trunk.pos_embed", "text_hidden_fcs.0.weight",
        ];
        SafetensorsWriter.Write(_folder.File("model.safetensors"), names.Select(name =>
            TensorPayload.Floats(name, new Shape(2, 2), new float[4])));

        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(_folder.File("model.safetensors"));

        Assert.Equal(CheckpointLayout.Sa2Va, checkpoint.Layout);
        Assert.Null(checkpoint.Check());
        Assert.Null(checkpoint.ModelType);
        Assert.Contains("model.layers.0.self_attn.q_proj.weight", checkpoint.Source.Tensors.Keys);
        var error = Assert.Throws<PixSearch.Abstractions.PixException>(() =>
            CheckpointConverter.Convert(checkpoint, ConvertedType.F32, _folder.File("out")));
        Assert.Contains("layout Sa2Va, which is no whole model", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
