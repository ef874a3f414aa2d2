using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Tensors;
using PixSearch.Training.Optimization;

namespace PixSearch.Training.Checkpoints;

/// <summary>Where a run is. Together with weights and moments this is all that the next step depends on.</summary>
public sealed record RunPosition
{
    /// <summary>Optimizer steps taken.</summary>
    public required long Step { get; init; }

    /// <summary>Stage, from 0.</summary>
    public required int Stage { get; init; }

    /// <summary>Share of the stage that is done, 0..1.</summary>
    public required double StageProgress { get; init; }

    /// <summary>Seconds of training so far, over all resumed runs.</summary>
    public required double Seconds { get; init; }

    /// <summary>State of the run's random source.</summary>
    public required SeededRandomState Random { get; init; }
}

/// <summary>
/// A resumable state as one safetensors file: weights under their names, moments under <c>adam.mean/</c> and
/// <c>adam.square/</c>, position in the metadata. Written under a temporary name and renamed, so that a run killed
/// while it writes leaves the checkpoint before.
/// </summary>
public static class TrainingCheckpoint
{
    private const string MeanPrefix = "adam.mean/";
    private const string SquarePrefix = "adam.square/";
    private const string PositionKey = "position";
    private const string OptimizerStepKey = "optimizer_step";

    /// <summary>Writes a checkpoint, replacing one of that name.</summary>
    public static void Save(string path, IEnumerable<Weight> weights, AdamW optimizer, RunPosition position)
    {
        List<TensorPayload> tensors = [.. weights.Select(weight => TensorPayload.Of(weight, ElementType.F32))];
        foreach (AdamW.Moments slot in optimizer.Slots)
        {
            tensors.Add(TensorPayload.Floats(MeanPrefix + slot.Weight.Name, slot.Weight.Shape, slot.Mean));
            tensors.Add(TensorPayload.Floats(SquarePrefix + slot.Weight.Name, slot.Weight.Shape, slot.Square));
        }

        SafetensorsWriter.Write(path, tensors, new Dictionary<string, string>
        {
            [PositionKey] = JsonSerializer.Serialize(position),
            [OptimizerStepKey] = optimizer.StepCount.ToString(System.Globalization.CultureInfo.InvariantCulture),
        });
    }

    /// <summary>Fills weights and moments from a checkpoint and returns the position.</summary>
    /// <exception cref="PixException">The file is missing or damaged, or is of another model.</exception>
    public static RunPosition Load(string path, IEnumerable<Weight> weights, AdamW optimizer)
    {
        using var file = new SafetensorsFile(path);
        foreach (Weight weight in weights)
        {
            Fill(file, weight.Name, weight.Shape, weight.Plain!.Span);
            weight.Version++;
        }

        foreach (AdamW.Moments slot in optimizer.Slots)
        {
            Fill(file, MeanPrefix + slot.Weight.Name, slot.Weight.Shape, slot.Mean);
            Fill(file, SquarePrefix + slot.Weight.Name, slot.Weight.Shape, slot.Square);
        }

        if (!file.Metadata.TryGetValue(PositionKey, out string? json)
            || !file.Metadata.TryGetValue(OptimizerStepKey, out string? steps)
            || !long.TryParse(steps, System.Globalization.CultureInfo.InvariantCulture, out long count))
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{path}' holds weights but no training position.");
        }

        optimizer.StepCount = count;
        return JsonSerializer.Deserialize<RunPosition>(json)
            ?? throw new PixException(PixErrorKind.BrokenArtifact, $"'{path}' has an empty training position.");
    }

    /// <summary>Fills weights only, from a training checkpoint or a model file.</summary>
    /// <exception cref="PixException">The file is missing or damaged, or is of another model.</exception>
    public static void LoadWeights(string path, IEnumerable<Weight> weights)
    {
        using var file = new SafetensorsFile(path);
        foreach (Weight weight in weights)
        {
            Fill(file, weight.Name, weight.Shape, weight.Plain!.Span);
            weight.Version++;
        }
    }

    private static void Fill(SafetensorsFile file, string name, Shape shape, Span<float> destination)
    {
        TensorEntry entry = file.Entry(name);
        if (entry.Shape != shape)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{file.Origin}': '{name}' has shape {entry.Shape}; this model needs {shape}.");
        }

        file.ReadF32(name, 0, destination);
    }
}
