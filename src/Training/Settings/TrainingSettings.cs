using System.Text.Json;
using System.Text.Json.Serialization;
using PixSearch.Abstractions;
using PixSearch.Training.Losses;
using PixSearch.Training.Optimization;

namespace PixSearch.Training.Settings;

/// <summary>Everything that a training run of the segmenting model depends on apart from data and model sizes: one
/// file,
/// <c>train.json</c> beside the model's <c>config.json</c>.</summary>
public sealed record TrainingSettings
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    /// <summary>Of the weights' start and of the order of samples.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Whether the language model starts with heads that copy and find, and its encoder with positions that
    /// are heard (<see cref="Nano.CopyingStart"/>), instead of random ones.</summary>
    public bool CopyingStart { get; init; }

    /// <summary>Pictures in a micro-batch; each is encoded once.</summary>
    public int BatchPictures { get; init; } = 16;

    /// <summary>Questions asked of each picture in a micro-batch (fewer where it has fewer).</summary>
    public int QuestionsPerPicture { get; init; } = 3;

    /// <summary>Micro-batches whose gradients are added before a step.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>Samples with more tokens behind the picture are left out (and counted).</summary>
    public int TokensMax { get; init; } = 448;

    /// <summary>Segmentation questions added for each training picture, from the masks of its samples.</summary>
    public int ExtraSegmentQuestions { get; init; }

    /// <summary>Locating questions added for each training picture (see
    /// <see cref="StageSettings.LocateShare"/>).</summary>
    public int LocateQuestions { get; init; }

    /// <summary>Side of the masks that the losses compare: a multiple of the low-resolution masks' side (64 for
    /// nano).</summary>
    public int MaskLossSize { get; init; } = 64;

    /// <summary>Largest norm of all gradients together.</summary>
    public float GradientNormMax { get; init; } = 1;

    /// <summary>Share of samples whose tagger sees the text only up to a region search, as it does when one is
    /// decoded.</summary>
    public float TaggerCutShare { get; init; } = 0.5f;

    /// <summary>Weights of the losses (PixSearch Table 9).</summary>
    public LossWeights Loss { get; init; } = new();

    /// <summary>The optimizer.</summary>
    public AdamWOptions Optimizer { get; init; } = new();

    /// <summary>The stages, in order.</summary>
    public required IReadOnlyList<StageSettings> Stages { get; init; }

    /// <summary>Minutes between checkpoints.</summary>
    public double CheckpointMinutes { get; init; } = 5;

    /// <summary>Minutes between evaluations on the validation split.</summary>
    public double EvaluateMinutes { get; init; } = 6;

    /// <summary>Validation samples in an evaluation.</summary>
    public int EvaluateSamples { get; init; } = 64;

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="PixException">The file is missing, is no such JSON, or a value is out of range.</exception>
    public static TrainingSettings Load(string path)
    {
        if (!File.Exists(path))
        {
            throw new PixException(PixErrorKind.NotFound,
                $"Training settings '{path}' do not exist; pass --config FILE.");
        }

        try
        {
            TrainingSettings? settings = JsonSerializer.Deserialize<TrainingSettings>(File.ReadAllText(path), s_json);
            return (settings ?? throw new JsonException("the file holds null")).Validate(path);
        }
        catch (JsonException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"Training settings '{path}': {error.Message}");
        }
    }

    /// <summary>The settings as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, s_json);

    /// <summary>Checks values and returns the settings.</summary>
    /// <exception cref="PixException">A value is out of range; the message names it.</exception>
    public TrainingSettings Validate(string origin)
    {
        Require(origin, "batchPictures", BatchPictures, 1, 4096);
        Require(origin, "questionsPerPicture", QuestionsPerPicture, 1, 64);
        Require(origin, "accumulation", Accumulation, 1, 1024);
        Require(origin, "tokensMax", TokensMax, 16, 1 << 16);
        Require(origin, "maskLossSize", MaskLossSize, 8, 1024);
        Require(origin, "evaluateSamples", EvaluateSamples, 0, 1 << 20);
        Require(origin, "stages", Stages.Count, 1, 16);
        foreach (StageSettings stage in Stages)
        {
            Require(origin, $"stages.{stage.Name}.steps", stage.Steps, 1, 100_000_000);
            Require(origin, $"stages.{stage.Name}.textRows", stage.TextRows, stage.UsesPictures ? 0 : 1, 4096);
            Require(origin, $"stages.{stage.Name}.promptsPerPicture", stage.PromptsPerPicture,
                stage is { UsesPictures: true, UsesQuestions: false, NamesPatches: false } ? 1 : 0, 64);
            if (Loss.MissWeight is <= 0 or >= 1)
            {
                throw new PixException(PixErrorKind.BrokenArtifact,
                    $"Training settings '{origin}': loss.missWeight is {Loss.MissWeight}; it must be in (0, 1).");
            }

            TextMix text = stage.TextMix;
            if (text.Tokens < 0 || text.Lists < 0 || text.Cards < 0 || text.Samples < 0 || text.Sum <= 0)
            {
                throw new PixException(PixErrorKind.BrokenArtifact,
                    $"Training settings '{origin}': stage '{stage.Name}' has {text}; weights must not be negative, "
                    + "and one must be positive.");
            }

            if (stage.ChangedFacts is < 0 or > 1)
            {
                throw new PixException(PixErrorKind.BrokenArtifact, $"Training settings '{origin}': stage "
                    + $"'{stage.Name}' has changedFacts of {stage.ChangedFacts}; they must be in 0..1.");
            }

            if (stage.MaskGradientIntoText is < 0 or > 1)
            {
                throw new PixException(PixErrorKind.BrokenArtifact, $"Training settings '{origin}': stage "
                    + $"'{stage.Name}' has a maskGradientIntoText of {stage.MaskGradientIntoText}; "
                    + "it must be in 0..1.");
            }

            if (stage.Schedule.Peak <= 0 || stage.SegmentShare is < 0 or > 1 || stage.LocateShare is < 0 or > 1)
            {
                throw new PixException(PixErrorKind.BrokenArtifact,
                    $"Training settings '{origin}': stage '{stage.Name}' needs a positive peak, and a segmentShare "
                    + "and a locateShare in 0..1.");
            }
        }

        return this;
    }

    private static void Require(string origin, string name, int value, int min, int max)
    {
        if (value < min || value > max)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"Training settings '{origin}': {name} is {value}; it must be in {min}..{max}.");
        }
    }
}

/// <summary>Factors of the losses: PixSearch Eq. 6, values of Table 9.</summary>
public sealed record LossWeights
{
    /// <summary>Language model.</summary>
    public float Language { get; init; } = 1;

    /// <summary>Language model on text rows (see <see cref="StageSettings.TextRows"/>); not in the paper.</summary>
    public float Plain { get; init; } = 1;

    /// <summary>Span tagger.</summary>
    public float Span { get; init; } = 2;

    /// <summary>Focal Tversky.</summary>
    public float Mask { get; init; } = 8;

    /// <summary>Weight of missed pixels inside focal Tversky; 0.5 is Dice, 0.7 PLUM's.</summary>
    public float MissWeight { get; init; } = MaskLosses.MissWeight;

    /// <summary>Binary cross-entropy of masks.</summary>
    public float MaskBce { get; init; } = 2;

    /// <summary>Cross-entropy of projected patches against the embeddings of their things' words; not in the paper.
    /// </summary>
    public float Name { get; init; } = 1;

    /// <summary>Distance of span states to those at the stage's start (KL); 0 saves the frozen model's forward
    /// pass.</summary>
    public float Start { get; init; } = 0.1f;
}

/// <summary>One stage of training.</summary>
public sealed record StageSettings
{
    /// <summary>For reports.</summary>
    public required string Name { get; init; }

    /// <summary>Optimizer steps, when the run is not limited by minutes; else only the ratio of the stages
    /// counts.</summary>
    public required int Steps { get; init; }

    /// <summary>Share of stage-1 (segmentation) samples; the paper's best ratio 7:9 is 0.4375.</summary>
    public double SegmentShare { get; init; } = 7.0 / 16;

    /// <summary>Learning rate over the stage.</summary>
    public required WarmupCosine Schedule { get; init; }

    /// <summary>Questions of a picture in this stage; 0 for the run's.</summary>
    public int QuestionsPerPicture { get; init; }

    /// <summary>False for a stage of text rows alone.</summary>
    public bool UsesPictures { get; init; } = true;

    /// <summary>False for a stage in which pictures carry point and box prompts only: SAM's own training, which needs
    /// no language model.</summary>
    public bool UsesQuestions { get; init; } = true;

    /// <summary>False for a stage that leaves SAM out: LLaVA's own training.</summary>
    public bool UsesMasks { get; init; } = true;

    /// <summary>Whether the language model's encoder learns which thing covers a patch
    /// (<see cref="LossWeights.Name"/>).</summary>
    public bool NamesPatches { get; init; }

    /// <summary>Point and box prompts of each picture, decoded by SAM alone.</summary>
    public int PromptsPerPicture { get; init; }

    /// <summary>
    /// Share of questions that ask for coordinates in text ("Locate the hat." "The hat f k c b."): the phrase's states
    /// learn where the thing is at a tenth of the cost of a mask, in the very states that the mask query is made of.
    /// </summary>
    public double LocateShare { get; init; }

    /// <summary>Share of the questions with evidence whose names and values are other ones each time they are drawn
    /// (<see cref="Loading.FactChanger"/>), 0..1.</summary>
    public double ChangedFacts { get; init; }

    /// <summary>
    /// Share of the masks' gradient that goes on from the query head into the language model, 0..1; 1 as published.
    /// While masks are rough their gradient is mostly noise, and a small decoder forgets how to copy.
    /// </summary>
    public float MaskGradientIntoText { get; init; } = 1;

    /// <summary>Weights whose names begin so are not changed in this stage.</summary>
    public IReadOnlyList<string> Frozen { get; init; } = [];

    /// <summary>
    /// Texts without pictures in each micro-batch, with loss on all of their tokens: they teach language and copying at
    /// a third of the cost of a question about a picture.
    /// </summary>
    public int TextRows { get; init; }

    /// <summary>What those texts are.</summary>
    public TextMix TextMix { get; init; } = new();
}

/// <summary>
/// Weights of the kinds of texts without pictures. Copying forms on tokens first, in some hundred steps; lists and
/// cards bring it to words and to facts.
/// </summary>
public sealed record TextMix
{
    /// <summary>Any tokens, twice.</summary>
    public double Tokens { get; init; } = 0.15;

    /// <summary>Lists of made-up words, three times.</summary>
    public double Lists { get; init; } = 0.15;

    /// <summary>Made-up evidence and statements about it.</summary>
    public double Cards { get; init; } = 0.3;

    /// <summary>Training samples without their picture.</summary>
    public double Samples { get; init; } = 0.4;

    /// <summary>Of all weights.</summary>
    internal double Sum => Tokens + Lists + Cards + Samples;
}
