using PixSearch.Abstractions;
using PixSearch.Inference.Sessions;
using PixSearch.Models.Plum;

namespace PixSearch.Silo;

/// <summary>What the cluster serves, as a gateway knows it: from the model folders' configuration, without loading
/// weights.</summary>
internal sealed class ClusterCatalog : INodeCatalog
{
    public ClusterCatalog(SiloSettings settings)
    {
        string folder = Path.Combine(settings.Models, settings.DefaultModel);
        PixSearchConfig config = PixSearchConfig.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        int side = config.VisionConfig.ImageSize / config.VisionConfig.PatchSize;
        var session = new SessionOptions();
        Models =
        [
            new ServedModel(settings.DefaultModel, config.TextConfig.MaxPositionEmbeddings, side * side,
                session.SearchBudget,
                session.MasksMax),
        ];
        Indexes =
        [
            .. settings.Indexes.Split(':', StringSplitOptions.RemoveEmptyEntries)
                .Select(path => Path.GetFileName(Path.TrimEndingDirectorySeparator(path))),
        ];
    }

    public IReadOnlyList<ServedModel> Models { get; }

    public IReadOnlyList<string> Indexes { get; }
}
