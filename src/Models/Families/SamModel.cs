using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Models.Sam;
using PixSearch.Models.Tasks;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>SAM without a language model: masks for points, boxes and rough masks.</summary>
public sealed class SamModel : IDisposable
{
    private readonly IBackend _backend;
    private readonly WeightStore _weights;
    private readonly SamNetwork _network;

    private SamModel(IBackend backend, WeightStore weights, SamNetwork network) =>
        (_backend, _weights, _network) = (backend, weights, network);

    /// <summary>
    /// Loads Meta's file (<c>sam_vit_b_01ec64.pth</c>, or safetensors under the same names), or the SAM inside of a
    /// PixSearch, PLUM, LISA or GLaMM checkpoint, of which nothing else is read.
    /// </summary>
    /// <param name="backend">Where it computes.</param>
    /// <param name="checkpoint">The open file or folder, which may be closed afterwards.</param>
    /// <param name="storage">How matrices are stored; null: as in the file.</param>
    /// <exception cref="PixException">InvalidArgument: the family has no SAM. BrokenArtifact, with all bad tensors in
    /// the message.</exception>
    public static SamModel Load(IBackend backend, PublishedCheckpoint checkpoint, WeightType? storage = null)
    {
        SamConfig config = checkpoint.SamConfig ?? throw new PixException(PixErrorKind.InvalidArgument,
            $"'{checkpoint.Path}' ({checkpoint.ModelType ?? $"layout {checkpoint.Layout}"}) has no SAM; "
            + "points, boxes and masks need one.");
        return ModelFolder.Build(
            new CheckpointWeights(backend, checkpoint.Source, new WeightLoadOptions
            {
                Storage = storage,
                Ignore = name => !name.StartsWith("model.visual_model.", StringComparison.Ordinal),
            }),
            weights => new SamModel(backend, weights, new SamNetwork(weights, config)));
    }

    /// <summary>Encodes a picture, for any number of prompts; freed by the caller.</summary>
    public SamPredictor CreatePredictor(RgbImage picture) =>
        new(_backend, _network.Config, _network.Encoder, _network.Prompts, _network.Masks, picture);

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();
}
