using PixSearch.Abstractions;
using PixSearch.Autodiff;
using PixSearch.Models;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Families;
using PixSearch.Models.Plum;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Weights;
using PixSearch.Tensors;
using PixSearch.Training.Checkpoints;
using PixSearch.Training.Loading;
using PixSearch.Training.Running;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Nano;

/// <summary>Training of a PixSearch model from scratch or from weights, on data sets of <c>px data build</c>.</summary>
public sealed class NanoTask : ITrainingTask<TrainingBatch>, IDisposable
{
    private readonly AutodiffBackend _backend;
    private readonly TrainingSettings _settings;
    private readonly PixSearchConfig _config;
    private readonly WeightStore _weights;
    private readonly TrainingForward _forward;
    private readonly BatchBuilder _builder;
    private readonly BatchSampler _sampler;
    private readonly NanoEvaluator _evaluator;
    private readonly CopyTasks _copyTasks;
    private readonly FactChanger _facts;
    private readonly SampleTokenizer _samples;
    private readonly IReadOnlyList<PreparedSample[]> _textSamples;
    private readonly int[] _prefix;
    private readonly string _startFile;
    private readonly string _tokenizerFile;
    private readonly bool _keepsStart;
    private readonly HashSet<string> _learned;
    private WeightStore? _startWeights;
    private string? _firstStage;

    /// <summary>A task of a model on data.</summary>
    /// <param name="backend">Records and computes.</param>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="tokenizerFile">The model's tokenizer.json.</param>
    /// <param name="tokenizer">The same, read.</param>
    /// <param name="dataFolders">Data sets; all their train and val splits are used.</param>
    /// <param name="settings">All other settings.</param>
    /// <param name="runFolder">Where a stage's starting weights are kept for the KL loss.</param>
    public NanoTask(AutodiffBackend backend, PixSearchConfig config, string tokenizerFile, ITokenizer tokenizer,
        IReadOnlyList<string> dataFolders, TrainingSettings settings, string runFolder)
    {
        (_backend, _config, _settings, _tokenizerFile) = (backend, config, settings, tokenizerFile);
        _weights = new WeightStore(new RandomWeights(backend, settings.Seed));
        Network = new PixSearchNetwork(_weights, config);
        int grid = config.VisionConfig.ImageSize / config.VisionConfig.PatchSize;
        if (settings.Stages.Any(stage => stage.NamesPatches) && settings.MaskLossSize % grid != 0)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"namesPatches needs a maskLossSize that is a multiple "
                + $"of the {grid} patches along a side; it is {settings.MaskLossSize}.");
        }

        if (settings.CopyingStart)
        {
            CopyingStart.Install(_weights, config.TextConfig, settings.Seed);
            CopyingStart.InstallPositions(Network.Vision.PositionTable, grid);
        }

        _learned = _weights.All.Where(weight => weight.Trainable).Select(weight => weight.Name)
            .ToHashSet(StringComparer.Ordinal);
        SampleTokenizer samples = _samples = new SampleTokenizer(tokenizer);
        TrainingSet = SampleSet.Load(dataFolders, "train", samples, settings.TokensMax, settings.ExtraSegmentQuestions,
            settings.LocateQuestions);
        var validation = SampleSet.Load(dataFolders, "val", samples, settings.TokensMax);
        var store = new PictureStore(
            [
                (picture => PixSearchModel.PrepareForText(config, picture), PixelNormalization.Clip),
                (picture => PixSearchModel.PrepareForMasks(config, picture), PixelNormalization.Sam),
            ],
            settings.MaskLossSize);
        _forward = new TrainingForward(Network, backend, samples.Prefix, settings);
        _builder = new BatchBuilder(store, settings.MaskLossSize, config.SamConfig.ImageSize,
            grid);
        (_prefix, _copyTasks) = (samples.Prefix, new CopyTasks(tokenizer, settings.TokensMax));
        _facts = new FactChanger(tokenizer);
        _textSamples =
        [
            .. TrainingSet.Groups.SelectMany(group => group)
                .GroupBy(sample => sample.Source is { Searches.Count: > 0 } ? sample.Kind : "", StringComparer.Ordinal)
                .OrderBy(kind => kind.Key, StringComparer.Ordinal).Select(kind => kind.ToArray()),
        ];
        _sampler = new BatchSampler(TrainingSet, settings.Seed, settings.BatchPictures);
        int prefixSlots = samples.Prefix.Length + Network.PictureSlots;
        _evaluator = new NanoEvaluator(backend, _forward, _builder, validation, settings, prefixSlots);
        _startFile = Path.Combine(runFolder, "stage-start.safetensors");
        _keepsStart = settings.Loss.Start > 0 && settings.Stages.Count > 1;
    }

    /// <summary>The model in training.</summary>
    public PixSearchNetwork Network { get; }

    /// <summary>The training samples.</summary>
    public SampleSet TrainingSet { get; }

    /// <inheritdoc/>
    public IReadOnlyList<Weight> Weights => _weights.All;

    /// <summary>Number of learned numbers.</summary>
    public long ParameterCount => _weights.ParameterCount;

    /// <inheritdoc/>
    /// <remarks>From the second stage on, the weights at the stage's start are kept for the KL loss, on disk
    /// too.</remarks>
    public void BeginStage(StageSettings stage, bool resumed)
    {
        foreach (Weight weight in _weights.All.Where(weight => _learned.Contains(weight.Name)))
        {
            weight.Trainable = !stage.Frozen.Any(prefix => weight.Name.StartsWith(prefix, StringComparison.Ordinal));
        }

        _forward.MaskGradientIntoText = stage.MaskGradientIntoText;
        _firstStage ??= _settings.Stages[0].Name;
        if (!_keepsStart || stage.Name == _firstStage)
        {
            return;
        }

        if (!resumed || !File.Exists(_startFile))
        {
            SafetensorsWriter.Write(_startFile, _weights.All.Select(weight => TensorPayload.Of(weight,
                ElementType.F32)));
        }

        _startWeights?.Dispose();
        _startWeights = new WeightStore(new RandomWeights(_backend, _settings.Seed));
        var network = new PixSearchNetwork(_startWeights, _config);
        TrainingCheckpoint.LoadWeights(_startFile, _startWeights.All);
        foreach (Weight weight in _startWeights.All)
        {
            weight.Trainable = false;
        }

        _forward.Start = network;
    }

    /// <inheritdoc/>
    public TrainingBatch Build(long index, StageSettings stage)
    {
        var mix = new QuestionMix(
            stage.QuestionsPerPicture > 0 ? stage.QuestionsPerPicture : _settings.QuestionsPerPicture,
            stage.SegmentShare, stage.LocateShare);
        (IReadOnlyList<IReadOnlyList<PreparedSample>> groups, SeededRandom random) = stage.UsesPictures
            ? _sampler.Next(index, mix)
            : ([], SeededRandom.ForStream(_settings.Seed, (ulong)index));
        groups = [.. groups.Select(group => group.Select(sample => Change(sample, stage, random)).ToArray())];
        TextRow[] texts = [.. Enumerable.Range(0, stage.TextRows).Select(_ => MakeText(stage, random))];
        var parts = new BatchParts(stage.UsesQuestions, stage.UsesMasks, stage.PromptsPerPicture,
            _settings.TaggerCutShare, stage.NamesPatches);
        return _builder.Build(groups, parts, random, texts);
    }

    private PreparedSample Change(PreparedSample sample, StageSettings stage, SeededRandom random)
    {
        if (sample.Source is not { Searches.Count: > 0 } || stage.ChangedFacts == 0
            || !random.NextBool(stage.ChangedFacts))
        {
            return sample;
        }

        PreparedSample changed = _samples.Prepare(_facts.Change(sample.Source, random));
        return changed.Tokens.Length <= _settings.TokensMax ? changed : sample;
    }

    private TextRow MakeText(StageSettings stage, SeededRandom random)
    {
        TextMix mix = stage.TextMix;
        double draw = random.NextDouble() * mix.Sum;
        if (draw < mix.Tokens)
        {
            return _copyTasks.MakeTokens(random);
        }

        if (draw < mix.Tokens + mix.Lists)
        {
            return _copyTasks.MakeList(random);
        }

        if (draw < mix.Tokens + mix.Lists + mix.Cards)
        {
            return _copyTasks.MakeCards(random);
        }

        // A sample's prompt and trajectory without the picture. Evidence is not learned: it is mostly invented, and
        // guessing it would drown what can be learned. Every kind of question is as frequent as the others.
        PreparedSample[] kind = random.Pick(_textSamples);
        PreparedSample sample = Change(random.Pick(kind), stage, random);
        int[] tokens = [.. _prefix, .. sample.Tokens];
        return new TextRow(tokens, [.. new bool[_prefix.Length], .. sample.Learned]);
    }

    /// <inheritdoc/>
    public TaskStep Forward(TrainingBatch batch)
    {
        ForwardResult result = _forward.Run(batch);
        LossValues values = result.Values();
        int samples = Math.Max(batch.PictureCount, batch.RowCount) + batch.Prompts.Count
            + (batch.Text?.Rows.Count ?? 0);
        return new TaskStep(result.Total!, samples,
        [
            new Metric("loss", values.Total), new Metric("text", values.Language),
            new Metric("plain", values.Plain), new Metric("span", values.Span),
            new Metric("tversky", values.Mask), new Metric("bce", values.MaskBce), new Metric("start", values.Start),
            new Metric("prompt", values.Prompt),
            new Metric("name", values.Name),
        ]);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Metric> Evaluate() => _evaluator.Evaluate();

    /// <inheritdoc/>
    public void Export(string folder)
    {
        PixSearchFolder.Save(_config, _weights, folder, ElementType.BF16);
        File.Copy(_tokenizerFile, Path.Combine(folder, PixSearchFolder.TokenizerFile), overwrite: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _weights.Dispose();
        _startWeights?.Dispose();
    }
}
