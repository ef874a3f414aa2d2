using PixSearch.Tensors;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Running;

/// <summary>What is trained: the loop knows steps, time and files; a task knows its model, data and losses.</summary>
/// <typeparam name="TBatch">A micro-batch in host memory.</typeparam>
public interface ITrainingTask<TBatch>
{
    /// <summary>All weights, the frozen ones too, in a fixed order.</summary>
    IReadOnlyList<Weight> Weights { get; }

    /// <summary>Called when a stage begins, or is resumed, before its batches are built.</summary>
    void BeginStage(StageSettings stage, bool resumed);

    /// <summary>Makes a micro-batch from its number; runs on another thread and depends on nothing else.</summary>
    TBatch Build(long index, StageSettings stage);

    /// <summary>Loss and metrics of a micro-batch; the loop runs the backward pass.</summary>
    TaskStep Forward(TBatch batch);

    /// <summary>Metrics on the validation split; no gradients.</summary>
    IReadOnlyList<Metric> Evaluate();

    /// <summary>Writes the model in its serving form into a folder.</summary>
    void Export(string folder);
}

/// <summary>A named number.</summary>
public readonly record struct Metric(string Name, double Value);

/// <summary>Result of <see cref="ITrainingTask{TBatch}.Forward"/>.</summary>
/// <param name="Loss">One element, recorded.</param>
/// <param name="Samples">Questions or pairs in the micro-batch, for the rate.</param>
/// <param name="Metrics">For reports; NaN is left out.</param>
public readonly record struct TaskStep(Tensor Loss, int Samples, IReadOnlyList<Metric> Metrics);

/// <summary>What the loop reports after each step.</summary>
/// <param name="Step">Steps taken.</param>
/// <param name="Stage">Name of the stage.</param>
/// <param name="Progress">Share of the run that is done, 0..1.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="SamplesPerSecond">Of the last steps.</param>
/// <param name="TimeLeft">Estimated.</param>
/// <param name="Metrics">Decaying means of the task's metrics.</param>
/// <param name="Evaluation">Set when the step ended with an evaluation.</param>
public sealed record TrainingReport(long Step, string Stage, double Progress, float LearningRate, double GradientNorm,
    double SamplesPerSecond, TimeSpan TimeLeft, IReadOnlyList<Metric> Metrics, IReadOnlyList<Metric>? Evaluation);
