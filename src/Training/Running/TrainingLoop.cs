using PixSearch.Abstractions;
using PixSearch.Autodiff;
using PixSearch.Tensors;
using PixSearch.Training.Checkpoints;
using PixSearch.Training.Optimization;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Running;

/// <summary>
/// Steps of a training run: forward, backward, clip, update; checkpoints, evaluations, metrics and curves on the way.
/// With step counts a run is a function of its settings: stopped and resumed it ends in the same bytes.
/// </summary>
/// <typeparam name="TBatch">A micro-batch of the task.</typeparam>
public sealed class TrainingLoop<TBatch>
{
    // A run whose gradients stay infinite for so many steps has diverged; going on only wastes the machine.
    private const int BadStepsMax = 20;

    private readonly ITrainingTask<TBatch> _task;
    private readonly AutodiffBackend _backend;
    private readonly LoopOptions _options;
    private readonly TimeProvider _time;
    private readonly AdamW _optimizer;
    private readonly long _stepsTotal;
    private RunLog? _log;
    private double _secondsBefore;
    private long _startedAt;

    /// <summary>A run of a task.</summary>
    public TrainingLoop(ITrainingTask<TBatch> task, AutodiffBackend backend, LoopOptions options,
        TimeProvider? time = null)
    {
        (_task, _backend, _options, _time) = (task, backend, options, time ?? TimeProvider.System);
        _optimizer = new AdamW(task.Weights.Where(weight => weight.Trainable), options.Optimizer);
        _stepsTotal = options.Stages.Sum(stage => (long)stage.Steps);
    }

    /// <summary>Called after every step.</summary>
    public Action<TrainingReport>? Reported { get; set; }

    /// <summary>Steps taken so far.</summary>
    public long Step { get; private set; }

    private double Seconds => _secondsBefore + _time.GetElapsedTime(_startedAt).TotalSeconds;

    private double Progress => _options.Minutes is { } minutes ? Seconds / (minutes * 60) : (double)Step / _stepsTotal;

    /// <summary>Runs to the end, or until it is cancelled or <paramref name="stepsMax"/> is reached; leaves a
    /// checkpoint.</summary>
    /// <param name="resume">Continue from the folder's checkpoint.</param>
    /// <param name="stepsMax">Stop after this many steps in all.</param>
    /// <param name="cancel">Stops after the current step.</param>
    /// <exception cref="PixException">The checkpoint cannot be read, or the run diverged.</exception>
    public void Run(bool resume = false, long stepsMax = long.MaxValue, CancellationToken cancel = default)
    {
        Directory.CreateDirectory(_options.Folder);
        _startedAt = _time.GetTimestamp();
        if (resume)
        {
            RunPosition position = TrainingCheckpoint.Load(_options.CheckpointFile, _task.Weights, _optimizer);
            (Step, _secondsBefore) = (position.Step, position.Seconds);
        }

        using var log = new RunLog(_options.Folder, resume ? Step : -1);
        _log = log;
        bool resumed = resume;
        while (Step < stepsMax && Progress < 1 && !cancel.IsCancellationRequested)
        {
            int stage = _options.Locate(Progress).Stage;
            _task.BeginStage(_options.Stages[stage], resumed);
            resumed = false;
            RunStage(stage, stepsMax, cancel);
        }

        Save();
        if (Progress >= 1)
        {
            log.WriteEvaluation(Step, Seconds, _task.Evaluate());
        }

        _task.Export(Path.Combine(_options.Folder, "model"));
        log.WriteCurves();
    }

    private void RunStage(int stageIndex, long stepsMax, CancellationToken cancel)
    {
        StageSettings stage = _options.Stages[stageIndex];
        using var batches = new Prefetcher<TBatch>(Step * _options.Accumulation, _options.Prefetch,
            index => _task.Build(index, stage));
        double savedAt = Seconds;
        double evaluatedAt = Seconds;
        int badSteps = 0;
        while (Step < stepsMax && Progress < 1 && !cancel.IsCancellationRequested)
        {
            (int at, double progress) = _options.Locate(Progress);
            if (at != stageIndex)
            {
                return;
            }

            // Warm-up from exactly 0 would waste the first step: rates are taken at the middle of a step's interval.
            float rate = stage.Schedule.RateAt(progress + (0.5 / stage.Steps));
            double norm = TakeStep(batches, stage, rate);
            badSteps = double.IsFinite(norm) ? 0 : badSteps + 1;
            if (badSteps > BadStepsMax)
            {
                throw new PixException(PixErrorKind.Internal,
                    $"Training diverged at step {Step}: gradients were not finite "
                    + $"for {BadStepsMax} steps. Lower the schedule's peak ({stage.Schedule.Peak}) and resume.");
            }

            IReadOnlyList<Metric>? evaluation = null;
            if (Seconds - evaluatedAt > _options.EvaluateMinutes * 60)
            {
                evaluation = Evaluate();
                evaluatedAt = Seconds;
            }

            if (Seconds - savedAt > _options.CheckpointMinutes * 60)
            {
                Save();
                savedAt = Seconds;
            }

            Report(stage, rate, norm, evaluation);
        }
    }

    private double TakeStep(Prefetcher<TBatch> batches, StageSettings stage, float rate)
    {
        int samples = 0;
        var metrics = new List<Metric>();
        for (int micro = 0; micro < _options.Accumulation; micro++)
        {
            TBatch batch = batches.Take();
            using var scope = new TensorScope();
            TaskStep step = _task.Forward(batch);
            metrics.AddRange(step.Metrics);
            samples += step.Samples;
            _backend.Backward(step.Loss, 1f / _options.Accumulation);
        }

        // Weights that took no part (frozen, or a stage without pictures) keep their numbers and moments as they are.
        HashSet<Weight> learning = [.. _backend.WeightsWithGradient];
        double norm = GradientClip.GlobalNorm(_optimizer.Slots.Where(slot => learning.Contains(slot.Weight))
            .Select(slot => _backend.GradientOf(slot.Weight)));
        if (double.IsFinite(norm))
        {
            _optimizer.Step(weight => learning.Contains(weight) ? _backend.GradientOf(weight) : null, rate,
                GradientClip.Scale(norm, _options.GradientNormMax));
        }

        _backend.ClearGradients();
        Step++;
        _log!.WriteStep(Step, stage.Name, Seconds, rate, norm, samples, metrics);
        return norm;
    }

    private IReadOnlyList<Metric> Evaluate()
    {
        IReadOnlyList<Metric> evaluation = _task.Evaluate();
        _log!.WriteEvaluation(Step, Seconds, evaluation);
        _log.WriteCurves();
        return evaluation;
    }

    private void Save()
    {
        (int stage, double progress) = _options.Locate(Progress);
        TrainingCheckpoint.Save(_options.CheckpointFile, _task.Weights, _optimizer, new RunPosition
        {
            Step = Step,
            Stage = stage,
            StageProgress = progress,

            // Under step counts the clock decides nothing and must not make equal runs differ.
            Seconds = _options.Minutes is null ? 0 : Seconds,
            Random = SeededRandom.ForStream(_options.Seed, (ulong)(Step * _options.Accumulation)).State,
        });
        _task.Export(Path.Combine(_options.Folder, "model"));
    }

    private void Report(StageSettings stage, float rate, double norm, IReadOnlyList<Metric>? evaluation)
    {
        if (Reported is null)
        {
            return;
        }

        double progress = Math.Min(1, Progress);
        double left = _options.Minutes is { } minutes
            ? (minutes * 60) - Seconds
            : (_stepsTotal - Step) * _log!.SecondsPerStep;
        Reported(new TrainingReport(Step, stage.Name, progress, rate, norm, _log!.SamplesPerSecond,
            TimeSpan.FromSeconds(Math.Max(0, left)), _log.Means, evaluation));
    }
}
