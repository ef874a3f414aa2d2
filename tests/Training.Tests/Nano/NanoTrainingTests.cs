using System.Text.Json.Nodes;
using PixSearch.Abstractions;
using PixSearch.Autodiff;
using PixSearch.Models.Families;
using PixSearch.Tensors;
using PixSearch.Training.Loading;
using PixSearch.Training.Nano;
using PixSearch.Training.Optimization;
using PixSearch.Training.Running;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Tests.Nano;

/// <summary>Whole runs of the trainer on <see cref="TinyWorld"/>: learning, determinism, resuming.</summary>
public sealed class NanoTrainingTests
{
    private static TrainingSettings Settings(int steps) => new()
    {
        Seed = 7,
        BatchPictures = 4,
        QuestionsPerPicture = 2,
        MaskLossSize = 16,
        EvaluateSamples = 8,
        Stages =
        [
            new StageSettings
            {
                Name = "segment", Steps = steps, SegmentShare = 1, Schedule = new WarmupCosine(4e-3f, 0.1f, 0.5f),
            },
            new StageSettings
            {
                Name = "search",
                Steps = steps,
                SegmentShare = 0.4375,
                TextRows = 2,
                TextMix = new TextMix { Tokens = 0, Lists = 0, Cards = 0, Samples = 1 },
                Schedule = new WarmupCosine(4e-3f, 0.02f),
            },
        ],
    };

    [Fact]
    public void Training_OverfitSet_LearnsTextSpansAndMasks()
    {
        using var world = new TinyWorld();
        string folder = Path.Combine(world.Folder, "run");
        IReadOnlyList<Metric> evaluation = [];
        Run(world, folder, Settings(60), task => evaluation = task.Evaluate());
        double Of(string name) => evaluation.Single(metric => metric.Name == name).Value;
        (double first, double last) = (Losses(folder)[0], Losses(folder)[^1]);
        Assert.True(last < first / 4, $"loss fell from {first:0.00} to {last:0.00} only");
        Assert.Equal(1, Of("answer_segment"));
        Assert.True(Of("exact") >= 0.5, $"exact {Of("exact")}");
        Assert.True(Of("span_f1") >= 0.9, $"span F1 {Of("span_f1")}");
        Assert.True(Of("iou") >= 0.5, $"IoU {Of("iou")}");
    }

    [Fact]
    public void Training_TenStepsTwice_GiveTheSameBytes()
    {
        using var world = new TinyWorld();
        string a = Path.Combine(world.Folder, "a");
        string b = Path.Combine(world.Folder, "b");
        Run(world, a, Settings(5));
        Run(world, b, Settings(5));
        Assert.Equal(10, Losses(a).Count);
        Assert.Equal(Losses(a), Losses(b));
        Assert.Equal(Bytes(a), Bytes(b));
    }

    [Theory]
    [InlineData(3)] // inside the first stage
    [InlineData(7)] // inside the second, where the frozen start must be the same too
    public void Training_StoppedAndResumed_EndsInTheSameBytes(int stoppedAt)
    {
        using var world = new TinyWorld();
        string whole = Path.Combine(world.Folder, "whole");
        string parts = Path.Combine(world.Folder, "parts");
        Run(world, whole, Settings(5));
        Run(world, parts, Settings(5), stepsMax: stoppedAt);
        Assert.NotEqual(Bytes(whole), Bytes(parts));
        Run(world, parts, Settings(5), resume: true);
        Assert.Equal(Bytes(whole), Bytes(parts));
        Assert.Equal(Losses(whole), Losses(parts));
    }

    [Fact]
    public void Training_TextStage_LowersItsLossWithoutPictures()
    {
        using var world = new TinyWorld();
        string folder = Path.Combine(world.Folder, "run");
        TrainingSettings settings = Settings(1) with
        {
            Stages =
            [
                new StageSettings
                {
                    Name = "language",
                    Steps = 15,
                    UsesPictures = false,
                    TextRows = 6,
                    Schedule = new WarmupCosine(4e-3f, 0.1f, 0.5f),
                },
            ],
        };
        Run(world, folder, settings);
        List<double> losses = Losses(folder);
        Assert.Equal(15, losses.Count);
        Assert.True(losses[^1] < losses[0] * 0.9, $"loss went from {losses[0]:0.00} to {losses[^1]:0.00}");
    }

    [Fact]
    public void Export_AfterTraining_LoadsAsServingModel()
    {
        using var world = new TinyWorld();
        string folder = Path.Combine(world.Folder, "run");
        Run(world, folder, Settings(1));
        using var backend = new ReferenceBackend();
        string model = Path.Combine(folder, "model");
        using PixSearchModel loaded = PixSearchFolder.Load(backend, model, world.Tokenizer);
        Assert.Equal(world.Config.TextConfig, loaded.Network.Config.TextConfig);
        Assert.True(File.Exists(Path.Combine(model, "tokenizer.json")));
        Assert.True(new FileInfo(Path.Combine(folder, "curves.png")).Length > 0);
    }

    [Fact]
    public void Resume_DamagedCheckpoint_IsRefused()
    {
        using var world = new TinyWorld();
        string folder = Path.Combine(world.Folder, "run");
        Run(world, folder, Settings(1));
        string file = Path.Combine(folder, "checkpoint.safetensors");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^100]);
        var error = Assert.Throws<PixException>(() => Run(world, folder, Settings(1), resume: true));
        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
    }

    private static void Run(TinyWorld world, string folder, TrainingSettings settings, Action<NanoTask>? after = null,
        bool resume = false, long stepsMax = long.MaxValue)
    {
        using var inner = new CpuBackend();
        using (var backend = new AutodiffBackend(inner))
        using (var task = new NanoTask(backend, world.Config, world.TokenizerFile, world.Tokenizer, [world.Folder],
            settings,
                   folder))
        {
            var loop = new TrainingLoop<TrainingBatch>(task, backend, new LoopOptions
            {
                Folder = folder, Stages = settings.Stages, Optimizer = settings.Optimizer, Seed = settings.Seed,
            });
            loop.Run(resume, stepsMax);
            after?.Invoke(task);
        }

        // Everything that a run takes comes back with its task and its tape.
        Assert.Equal(0, inner.Memory.OutstandingCount);
    }

    private static byte[] Bytes(string folder) => File.ReadAllBytes(Path.Combine(folder, "checkpoint.safetensors"));

    private static List<double> Losses(string folder) =>
        [.. File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line => JsonNode.Parse(line)!)
            .Where(line => line["evaluation"] is null).Select(line => line["loss"]!.GetValue<double>())];
}
