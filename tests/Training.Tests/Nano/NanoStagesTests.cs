using PixSearch.Autodiff;
using PixSearch.Tensors;
using PixSearch.Training.Loading;
using PixSearch.Training.Nano;
using PixSearch.Training.Optimization;
using PixSearch.Training.Running;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Tests.Nano;

/// <summary>Stages that train a part of the model, as the published systems come by their parts.</summary>
public sealed class NanoStagesTests
{
    private const string Sam = "model.visual_model.";
    private static readonly WarmupCosine s_schedule = new(4e-3f, 0.1f, 0.5f);

    [Fact]
    public void PromptStage_PointsAndBoxes_TrainsSamAlone()
    {
        (Dictionary<string, float[]> before, Dictionary<string, float[]> after, IReadOnlyList<Metric> metrics) =
            Run(new StageSettings
            {
                Name = "prompts", Steps = 80, UsesQuestions = false, PromptsPerPicture = 2, Schedule = s_schedule,
            });
        double iou = metrics.Single(metric => metric.Name == "prompt_iou").Value;
        Assert.True(iou >= 0.6, $"IoU of masks of points and boxes {iou:0.00}");
        Assert.All(before.Where(pair => !pair.Key.StartsWith(Sam, StringComparison.Ordinal)),
            pair => Assert.Equal(pair.Value, after[pair.Key]));
    }

    [Fact]
    public void LookStage_WithoutMasks_LeavesSamAlone()
    {
        (Dictionary<string, float[]> before, Dictionary<string, float[]> after, _) = Run(new StageSettings
        {
            Name = "look", Steps = 3, UsesMasks = false, LocateShare = 0.5, Schedule = s_schedule,
        });
        Assert.All(before.Where(pair => pair.Key.StartsWith(Sam, StringComparison.Ordinal)),
            pair => Assert.Equal(pair.Value, after[pair.Key]));
        Assert.NotEqual(before["model.embed_tokens.weight"], after["model.embed_tokens.weight"]);
    }

    [Fact]
    public void NameStage_Patches_LearnTheWordsOfTheirThings()
    {
        (Dictionary<string, float[]> before, Dictionary<string, float[]> after, IReadOnlyList<Metric> metrics) =
            Run(new StageSettings
            {
                Name = "name",
                Steps = 60,
                UsesQuestions = false,
                UsesMasks = false,
                NamesPatches = true,
                Frozen = ["model.embed_tokens", "lm_head"],
                Schedule = s_schedule,
            });
        double names = metrics.Single(metric => metric.Name == "names").Value;
        Assert.True(names >= 0.9, $"{names:P0} of the patches with a thing are named");
        string[] changed = [.. before.Keys.Where(name => !before[name].AsSpan().SequenceEqual(after[name]))];
        Assert.NotEmpty(changed);
        Assert.All(changed, name => Assert.True(name.Contains("vision_tower", StringComparison.Ordinal)
            || name.Contains("mm_projector", StringComparison.Ordinal), name));
    }

    [Fact]
    public void MaskGradientIntoText_None_LeavesTheDecoderToItsText()
    {
        // Masks alone count: what reaches the language model comes through the query head.
        StageSettings stage = new()
        {
            Name = "segment", Steps = 2, SegmentShare = 1, MaskGradientIntoText = 0, Schedule = s_schedule,
        };
        var masksOnly = new LossWeights { Language = 0, Plain = 0, Span = 0, Start = 0 };
        (Dictionary<string, float[]> before, Dictionary<string, float[]> after, _) = Run(stage, masksOnly);
        Assert.Equal(before["model.layers.0.mlp.up_proj.weight"], after["model.layers.0.mlp.up_proj.weight"]);
        Assert.NotEqual(before["model.text_hidden_fcs.0.0.weight"], after["model.text_hidden_fcs.0.0.weight"]);
        (before, after, _) = Run(stage with { MaskGradientIntoText = 1 }, masksOnly);
        Assert.NotEqual(before["model.layers.0.mlp.up_proj.weight"], after["model.layers.0.mlp.up_proj.weight"]);
    }

    [Fact]
    public void FrozenWeights_KeepTheirNumbers()
    {
        const string encoder = Sam + "image_encoder.";
        (Dictionary<string, float[]> before, Dictionary<string, float[]> after, _) = Run(new StageSettings
        {
            Name = "segment", Steps = 3, SegmentShare = 1, Frozen = [encoder], Schedule = s_schedule,
        });
        string[] changed = [.. before.Keys.Where(name => !before[name].AsSpan().SequenceEqual(after[name]))];
        Assert.DoesNotContain(changed, name => name.StartsWith(encoder, StringComparison.Ordinal));
        Assert.Contains(changed, name => name.StartsWith(Sam + "mask_decoder.", StringComparison.Ordinal));
    }

    private static (Dictionary<string, float[]> Before, Dictionary<string, float[]> After, IReadOnlyList<Metric>)
        Run(StageSettings stage, LossWeights? loss = null)
    {
        using var world = new TinyWorld();
        string folder = Path.Combine(world.Folder, "run");
        var settings = new TrainingSettings
        {
            Seed = 7,
            BatchPictures = 4,
            QuestionsPerPicture = 2,
            LocateQuestions = 2,
            MaskLossSize = 16,
            EvaluateSamples = 8,
            Loss = loss ?? new LossWeights { Start = 0 },
            Stages = [stage],
        };
        using var inner = new CpuBackend();
        using var backend = new AutodiffBackend(inner);
        using var task = new NanoTask(backend, world.Config, world.TokenizerFile, world.Tokenizer, [world.Folder],
            settings, folder);
        Dictionary<string, float[]> before = Numbers(task);
        var loop = new TrainingLoop<TrainingBatch>(task, backend, new LoopOptions
        {
            Folder = folder, Stages = settings.Stages, Optimizer = settings.Optimizer, Seed = settings.Seed,
        });
        loop.Run();
        return (before, Numbers(task), task.Evaluate());
    }

    private static Dictionary<string, float[]> Numbers(NanoTask task) =>
        task.Weights.ToDictionary(weight => weight.Name, weight => weight.Plain!.Span.ToArray());
}
