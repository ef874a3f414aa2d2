using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Training.Optimization;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Retriever;

/// <summary>Everything that a training run of the index encoder depends on apart from data and model sizes.</summary>
public sealed record RetrieverSettings
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
    };

    /// <summary>Of the weights' start, the order and the views.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Instances in a batch; each is a wrong answer for all others.</summary>
    public int BatchInstances { get; init; } = 64;

    /// <summary>Crops of scenes kept for each instance.</summary>
    public int CropsPerInstance { get; init; } = 10;

    /// <summary>Side of the stored squares in pixels, from which views are sampled.</summary>
    public int StoredSide { get; init; } = 112;

    /// <summary>Share of instances kept aside for evaluation.</summary>
    public double HeldOutShare { get; init; } = 0.12;

    /// <summary>Cosines are divided by this.</summary>
    public float Temperature { get; init; } = 0.07f;

    /// <summary>Largest norm of all gradients together.</summary>
    public float GradientNormMax { get; init; } = 1;

    /// <summary>The optimizer.</summary>
    public AdamWOptions Optimizer { get; init; } = new();

    /// <summary>The stages, in order.</summary>
    public required IReadOnlyList<StageSettings> Stages { get; init; }

    /// <summary>Minutes between checkpoints.</summary>
    public double CheckpointMinutes { get; init; } = 3;

    /// <summary>Minutes between evaluations.</summary>
    public double EvaluateMinutes { get; init; } = 3;

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="PixException">The file is missing, is no such JSON, or a value is out of range.</exception>
    public static RetrieverSettings Load(string path)
    {
        if (!File.Exists(path))
        {
            throw new PixException(PixErrorKind.NotFound,
                $"Training settings '{path}' do not exist; pass --config FILE.");
        }

        RetrieverSettings? settings;
        try
        {
            settings = JsonSerializer.Deserialize<RetrieverSettings>(File.ReadAllText(path), s_json);
        }
        catch (JsonException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"Training settings '{path}': {error.Message}");
        }

        if (settings is null || settings.BatchInstances < 2 || settings.Temperature <= 0 || settings.Stages.Count == 0
            || settings.StoredSide is < 16 or > 1024 || settings.HeldOutShare is < 0 or > 0.9)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"Training settings '{path}': batchInstances must be at least 2, "
                + "temperature above 0, storedSide 16..1024, heldOutShare 0..0.9, and there must be a stage.");
        }

        return settings;
    }
}
