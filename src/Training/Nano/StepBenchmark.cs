using System.Diagnostics;
using PixSearch.Abstractions;
using PixSearch.Autodiff;
using PixSearch.Models.Plum;
using PixSearch.Models.Weights;
using PixSearch.Tensors;
using PixSearch.Training.Loading;
using PixSearch.Training.Optimization;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Nano;

/// <summary>Time of one kind of operation in a training step.</summary>
/// <param name="Name">The operation.</param>
/// <param name="ForwardMs">Forward, milliseconds a step.</param>
/// <param name="BackwardMs">Backward, milliseconds a step.</param>
/// <param name="Count">Calls a step.</param>
public sealed record OperationTime(string Name, double ForwardMs, double BackwardMs, double Count);

/// <summary>Result of <see cref="StepBenchmark"/>: times in milliseconds a step.</summary>
public sealed record StepTimes(double ForwardMs, double BackwardMs, double UpdateMs, int Rows,
    IReadOnlyList<OperationTime> Operations);

/// <summary>Measures training steps on made-up batches of given sizes, operation by operation.</summary>
public static class StepBenchmark
{
    private const int LabelledSpan = 4;

    // Steps that are not counted: the first ones compile code and get their memory from the system (the first
    // convolution of the first takes 80 to 230 ms, of the third 15, then 2).
    private const int WarmUpSteps = 4;

    /// <summary>Runs a few steps after some that are not counted.</summary>
    /// <param name="inner">The backend to measure.</param>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="pictures">Pictures a batch.</param>
    /// <param name="questions">Questions a picture.</param>
    /// <param name="tokens">Tokens behind the picture, a third of which is learned.</param>
    /// <param name="spans">Masks a question.</param>
    /// <param name="steps">Steps to average over.</param>
    /// <param name="now">Milliseconds of a clock for the three parts of a step; null for the one on the wall.</param>
    public static StepTimes Run(IGradientBackend inner, PixSearchConfig config, int pictures, int questions, int tokens,
        int spans, int steps, Func<double>? now = null)
    {
        now ??= () => Stopwatch.GetTimestamp() * 1e3 / Stopwatch.Frequency;
        using var backend = new AutodiffBackend(inner);
        using var weights = new WeightStore(new RandomWeights(backend, 1));
        var settings = new TrainingSettings { Stages = [] };
        var forward = new TrainingForward(new PixSearchNetwork(weights, config), backend, [1, 20, 21, 3], settings);
        var optimizer = new AdamW(weights.All.Where(weight => weight.Trainable), settings.Optimizer);
        TrainingBatch batch = MakeBatch(config, pictures, questions, tokens, spans, settings.MaskLossSize);
        var times = new Dictionary<string, (double Forward, double Backward, int Count)>(StringComparer.Ordinal);
        double[] sums = new double[3];
        for (int step = 1 - WarmUpSteps; step <= steps; step++)
        {
            if (step == 1)
            {
                backend.ForwardTimed = (name, time) => Add(times, name, time.TotalMilliseconds, 0);
                backend.BackwardTimed = (name, time) => Add(times, name, 0, time.TotalMilliseconds);
                Array.Clear(sums);
            }

            using var scope = new TensorScope();
            double started = now();
            ForwardResult result = forward.Run(batch);
            sums[0] += now() - started;
            started = now();
            backend.Backward(result.Total!);
            sums[1] += now() - started;
            started = now();
            optimizer.Step(backend.GradientOf, 1e-4f);
            backend.ClearGradients();
            sums[2] += now() - started;
        }

        return new StepTimes(sums[0] / steps, sums[1] / steps, sums[2] / steps, batch.RowCount,
            [.. times.Select(pair => new OperationTime(pair.Key, pair.Value.Forward / steps,
                pair.Value.Backward / steps,
                (double)pair.Value.Count / steps)).OrderByDescending(time => time.ForwardMs + time.BackwardMs)]);
    }

    private static void Add(Dictionary<string, (double Forward, double Backward, int Count)> times, string name,
        double forward, double backward)
    {
        (double f, double b, int count) = times.GetValueOrDefault(name);
        times[name] = (f + forward, b + backward, count + (backward == 0 ? 1 : 0));
    }

    private static TrainingBatch MakeBatch(PixSearchConfig config, int pictures, int questions, int tokens, int spans,
        int maskSide)
    {
        var random = new SeededRandom(1);
        int rows = pictures * questions;
        PreparedSample[] samples = [.. Enumerable.Range(0, rows).Select(_ => MakeSample(config, random, tokens,
            spans))];
        (RowChunk[] chunks, int[] padded, int[] offsets) = BatchBuilder.Pad([.. samples.Select(sample =>
            sample.Tokens)]);
        int textSide = config.VisionConfig.ImageSize;
        int samSide = config.SamConfig.ImageSize;
        return new TrainingBatch
        {
            TextPixels = Uniform(random, pictures * 3 * textSide * textSide),
            MaskPixels = Uniform(random, pictures * 3 * samSide * samSide),
            PictureCount = pictures,
            Rows = samples,
            PictureOfRow = [.. Enumerable.Range(0, rows).Select(row => row / questions)],
            TaggerLengths = [.. samples.Select(sample => sample.Tokens.Length)],
            Chunks = chunks,
            Tokens = padded,
            Offsets = offsets,
            MaskTargets = [.. Uniform(random, rows * spans * maskSide * maskSide).Select(value => value > 0.5f
                ? 1f : 0f)],
        };
    }

    private static PreparedSample MakeSample(PixSearchConfig config, SeededRandom random, int tokens, int spans)
    {
        byte[] labels = new byte[tokens];
        var ranges = new List<PreparedSpan>();
        for (int s = 0; s < spans; s++)
        {
            int start = (tokens / 2) + (s * LabelledSpan);
            labels[start] = 1;
            labels.AsSpan(start + 1, LabelledSpan - 1).Fill(2);
            ranges.Add(new PreparedSpan(start, start + LabelledSpan, new RleMask(1, 1, "")));
        }

        return new PreparedSample
        {
            Id = "made-up",
            Picture = "",
            Kind = "segment",
            Stage = 1,
            Tokens = [.. Enumerable.Range(0, tokens).Select(_ => random.NextInt(config.TextConfig.VocabSize))],
            Learned = [.. Enumerable.Range(0, tokens).Select(i => i >= tokens - (tokens / 3))],
            Labels = labels,
            Spans = ranges,
            Things = [],
            Cuts = [],
            AnswerStart = tokens / 2,
        };
    }

    private static float[] Uniform(SeededRandom random, int count)
    {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++)
        {
            numbers[i] = random.NextSingle();
        }

        return numbers;
    }
}
