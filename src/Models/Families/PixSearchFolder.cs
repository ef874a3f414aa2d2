using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Plum;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// The project's own layout of a PixSearch model: a folder with <c>config.json</c>, <c>tokenizer.json</c> and
/// <c>model.safetensors</c> (tensor names as PLUM's).
/// </summary>
public static class PixSearchFolder
{
    /// <summary>File name of the configuration.</summary>
    public const string ConfigFile = ModelFolder.ConfigFile;

    /// <summary>File name of the tokenizer.</summary>
    public const string TokenizerFile = ModelFolder.TokenizerFile;

    /// <summary>Reads the configuration of a folder.</summary>
    /// <exception cref="PixException">NotFound or BrokenArtifact.</exception>
    public static PixSearchConfig LoadConfig(string folder) => PixSearchConfig.Parse(ModelFolder.ReadConfig(folder));

    /// <summary>Loads a model for serving, or with <paramref name="trainable"/> to train it further.</summary>
    /// <exception cref="PixException">NotFound; BrokenArtifact, with all bad tensors in the message.</exception>
    public static PixSearchModel Load(IBackend backend, string folder, ITokenizer tokenizer, bool trainable = false)
    {
        PixSearchConfig config = LoadConfig(folder);
        using ITensorSource source = ModelFolder.OpenWeights(folder);
        return Load(backend, config, source, tokenizer, trainable);
    }

    /// <summary>Loads a model from open tensors; <paramref name="nameOf"/> maps PLUM's names to the source's.</summary>
    /// <exception cref="PixException">BrokenArtifact, with all bad tensors in the message.</exception>
    public static PixSearchModel Load(IBackend backend, PixSearchConfig config, ITensorSource source,
        ITokenizer tokenizer, bool trainable = false, Func<string, string?>? nameOf = null) =>
        ModelFolder.Build(new CheckpointWeights(backend, source,
                new WeightLoadOptions { Trainable = trainable, Ignore = IsUnused }, nameOf),
            weights => new PixSearchModel(backend, weights, new PixSearchNetwork(weights, config), tokenizer));

    /// <summary>Writes configuration and weights into a folder, which is made; the tokenizer's file is the
    /// caller's.</summary>
    /// <param name="config">The sizes.</param>
    /// <param name="weights">All weights, in plain form.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="type">F32 or BF16.</param>
    public static void Save(PixSearchConfig config, WeightStore weights, string folder, ElementType type) =>
        ModelFolder.Save(config.ToJson(), weights, folder, type);

    /// <summary>
    /// Tensors of published PLUM checkpoints that no computation reads: aliases of the prompt encoder, CLIP beyond the
    /// hidden state that is used, old rotary tables.
    /// </summary>
    internal static bool IsUnused(string name) =>
        name.StartsWith("mask_pooler.prompt_encoder.", StringComparison.Ordinal) ||
        name.StartsWith("mask_pooler.block", StringComparison.Ordinal) ||
        name.StartsWith("mask_pooler.final_conv", StringComparison.Ordinal) ||
        name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal) ||
        name.EndsWith("embeddings.position_ids", StringComparison.Ordinal) ||
        name.Contains("vision_model.post_layernorm.", StringComparison.Ordinal) ||
        name.Contains("vision_model.encoder.layers.", StringComparison.Ordinal);
}
