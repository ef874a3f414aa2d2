using PixSearch.Training.Optimization;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Running;

/// <summary>How long and in which steps a run goes.</summary>
public sealed record LoopOptions
{
    /// <summary>Folder of the run: checkpoint, metrics, curves, exported model.</summary>
    public required string Folder { get; init; }

    /// <summary>The stages, in order.</summary>
    public required IReadOnlyList<StageSettings> Stages { get; init; }

    /// <summary>The optimizer.</summary>
    public required AdamWOptions Optimizer { get; init; }

    /// <summary>Of the order of samples; written into checkpoints.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Micro-batches a step.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>Largest norm of all gradients together.</summary>
    public float GradientNormMax { get; init; } = 1;

    /// <summary>
    /// Wall-clock minutes of the whole run; null to take the stages' step counts. Under minutes the stages share the
    /// time as their steps say and the schedules follow the clock: the run ends on time on a busy machine, but is not
    /// repeatable to the byte.
    /// </summary>
    public double? Minutes { get; init; }

    /// <summary>Minutes between checkpoints.</summary>
    public double CheckpointMinutes { get; init; } = 5;

    /// <summary>Minutes between evaluations.</summary>
    public double EvaluateMinutes { get; init; } = 6;

    /// <summary>Micro-batches built ahead.</summary>
    public int Prefetch { get; init; } = 3;

    /// <summary>File of the resumable state.</summary>
    public string CheckpointFile => Path.Combine(Folder, "checkpoint.safetensors");

    /// <summary>Stage and share of it that is done, at a share of the whole run.</summary>
    public (int Stage, double Progress) Locate(double progress)
    {
        double total = Stages.Sum(stage => (double)stage.Steps);
        double before = 0;
        for (int i = 0; i < Stages.Count; i++)
        {
            double share = Stages[i].Steps / total;
            if (progress < before + share || i == Stages.Count - 1)
            {
                return (i, Math.Clamp((progress - before) / share, 0, 1));
            }

            before += share;
        }

        return (0, 0);
    }
}
