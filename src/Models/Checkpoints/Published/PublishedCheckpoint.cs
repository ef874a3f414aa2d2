using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Families;
using PixSearch.Models.Llava;
using PixSearch.Models.PixelLm;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints.Published;

/// <summary>How a published checkpoint is opened.</summary>
public sealed record PublishedOptions
{
    /// <summary>
    /// CLIP's own checkpoint, for families whose files leave the vision tower out (LISA, PLUM, PixelLM).
    /// </summary>
    public string? VisionPath { get; init; }

    /// <summary>Adapters in a file or folder of their own (PEFT).</summary>
    public string? AdapterPath { get; init; }

    /// <summary>Alpha of adapters whose configuration is not beside them: PLUM's and LISA's is 16.</summary>
    public float LoraAlpha { get; init; } = 16;
}

/// <summary>
/// A checkpoint in any published layout, under the project's names: shards united, adapters merged as they are read,
/// vision tower added. Owns the open files.
/// </summary>
public sealed class PublishedCheckpoint : IDisposable
{
    private PublishedCheckpoint(string path, CheckpointLayout layout, ITensorSource source, JsonElement config)
    {
        Path = path;
        Layout = layout;
        Source = source;
        OwnType = config.ValueKind == JsonValueKind.Object && config.TryGetProperty("model_type", out JsonElement type)
            && type.ValueKind == JsonValueKind.String && ModelFolder.IsOwnType(type.GetString()!) ? type.GetString()
                : null;
        var sizes = new SizeReader(source.Tensors, config);
        string name = System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(path));
        ConfigJson = OwnType is not null ? config.GetRawText() : layout switch
        {
            CheckpointLayout.Plum => sizes.PixSearch(name).ToJson(),
            CheckpointLayout.Lisa => sizes.Lisa(name).ToJson(),
            CheckpointLayout.Glamm => sizes.Glamm(name).ToJson(),
            CheckpointLayout.PixelLm => sizes.PixelLm(name).ToJson(),
            CheckpointLayout.PixelSail when sizes.IsEve => sizes.EveSail(name).ToJson(),
            CheckpointLayout.PixelSail => sizes.PixelSail(name).ToJson(),
            CheckpointLayout.Llava or CheckpointLayout.LlavaHf => sizes.Llava(name, layout).ToJson(),
            CheckpointLayout.Sam or CheckpointLayout.SamHf => sizes.SamAlone(name).ToJson(),
            _ => null,
        };
        ModelType = ConfigJson is null ? null : OwnType ?? TypeOf(ConfigJson);
    }

    /// <summary>File or folder.</summary>
    public string Path { get; }

    /// <summary>The layout that its tensors have.</summary>
    public CheckpointLayout Layout { get; }

    /// <summary>The tensors under the project's names.</summary>
    public ITensorSource Source { get; }

    /// <summary>Value of model_type when the folder is in the project's own layout already; otherwise null.</summary>
    public string? OwnType { get; }

    /// <summary><c>config.json</c> of the project's layout; null for layouts that are only part of a model.</summary>
    public string? ConfigJson { get; }

    /// <summary><c>model_type</c> of <see cref="ConfigJson"/>; null where there is none.</summary>
    public string? ModelType { get; }

    /// <summary>Special tokens that the family's code adds to its base model's tokenizer after loading.</summary>
    public IReadOnlyList<string> WantedTokens =>
        ModelType is PixelSailConfig.Type or EveSailConfig.Type ? PixelSailModel.AddedTokens : [];

    /// <summary>
    /// True when the family needs CLIP and the files hold none of it: LISA, PLUM and PixelLM save without it.
    /// </summary>
    public bool LacksVision => ModelType is PixSearchConfig.Type or LisaConfig.Type or PixelLmConfig.Type
            or LlavaConfig.Type
        && !Source.Tensors.Keys.Any(name => name.StartsWith("model.vision_tower.", StringComparison.Ordinal));

    /// <summary>Sizes of the SAM that the checkpoint is or holds; null for families without one.</summary>
    /// <exception cref="PixException">The configuration is broken.</exception>
    public SamConfig? SamConfig => ModelType switch
    {
        PixSearchConfig.Type => PixSearchConfig.Parse(ConfigJson!).SamConfig,
        LisaConfig.Type => LisaConfig.Parse(ConfigJson!).SamConfig,
        SamModelConfig.Type => SamModelConfig.Parse(ConfigJson!).SamConfig,
        _ => null,
    };

    /// <summary>Opens a file or folder; throws <see cref="PixException"/>.</summary>
    public static PublishedCheckpoint Open(string path, PublishedOptions? options = null)
    {
        options ??= new PublishedOptions();
        JsonElement config = ReadJson(path, "config.json");
        var open = new List<ITensorSource>();
        try
        {
            ITensorSource source = CheckpointSource.Open(path);
            open.Add(source);
            source = MergeAdapters(path, source, options, open);
            CheckpointLayout layout = CheckpointLayouts.Detect(source.Tensors.Keys);
            source = new RenamedSource(source, name => CheckpointNames.Canonical(name, layout));
            if (options.VisionPath is not null)
            {
                ITensorSource vision = CheckpointSource.Open(options.VisionPath);
                open.Add(vision);
                source = new UnitedSource([source,
                    new RenamedSource(vision, name => CheckpointNames.Canonical(name, CheckpointLayout.Clip))]);
            }

            return new PublishedCheckpoint(path, layout, source, config);
        }
        catch
        {
            open.ForEach(source => source.Dispose());
            throw;
        }
    }

    /// <summary>
    /// Compares with what the configuration asks for; null when the layout is no whole model. No number is read.
    /// </summary>
    /// <exception cref="PixException">The configuration is broken.</exception>
    public CheckpointCheck? Check()
    {
        try
        {
            return ConfigJson is null || ModelType is null
                ? null
                : CheckpointCheck.Run(Source, weights => BuildNetwork(ModelType, ConfigJson, weights));
        }
        catch (ArgumentException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"The configuration of '{Path}' contradicts itself: {error.Message}", error);
        }
    }

    /// <summary>
    /// Loads all weights and nothing else, to see that they can be loaded and how long it takes; the caller disposes
    /// the store. Throws <see cref="PixException"/> (BrokenArtifact) that lists all bad tensors.
    /// </summary>
    /// <param name="backend">Where they will lie.</param>
    /// <param name="storage">How matrices are stored; null: as in the checkpoint.</param>
    public WeightStore LoadWeights(IBackend backend, WeightType? storage = null) =>
        ConfigJson is null || ModelType is null
            ? throw new PixException(PixErrorKind.InvalidArgument,
                $"'{Path}' has the layout {Layout}, which is no whole model of a known family.")
            : ModelFolder.Build(
                new CheckpointWeights(backend, Source,
                    new WeightLoadOptions { Storage = storage, Ignore = PixSearchFolder.IsUnused }),
                weights =>
                {
                    BuildNetwork(ModelType, ConfigJson, weights);
                    return weights;
                });

    /// <inheritdoc/>
    public void Dispose() => Source.Dispose();

    /// <summary>Makes the modules of a family, so that they ask the store for their weights.</summary>
    internal static void BuildNetwork(string type, string configJson, WeightStore weights)
    {
        switch (type)
        {
            case PixSearchConfig.Type:
                _ = new PixSearchNetwork(weights, PixSearchConfig.Parse(configJson));
                break;
            case LisaConfig.Type:
                _ = new LlavaSamNetwork(weights, LisaConfig.Parse(configJson));
                break;
            case PixelLmConfig.Type:
                _ = new PixelLmNetwork(weights, PixelLmConfig.Parse(configJson));
                break;
            case EveSailConfig.Type:
                _ = new EveSailNetwork(weights, EveSailConfig.Parse(configJson));
                break;
            case PixelSailConfig.Type:
                _ = new PixelSailNetwork(weights, PixelSailConfig.Parse(configJson));
                break;
            case LlavaConfig.Type:
                _ = new LlavaNetwork(weights, LlavaConfig.Parse(configJson));
                break;
            case SamModelConfig.Type:
                _ = new SamNetwork(weights, SamModelConfig.Parse(configJson).SamConfig);
                break;
            default:
                throw new PixException(PixErrorKind.BrokenArtifact, $"model_type '{type}' is unknown.");
        }
    }

    private static string TypeOf(string configJson)
    {
        using JsonDocument document = JsonDocument.Parse(configJson);
        return document.RootElement.GetProperty("model_type").GetString()!;
    }

    private static ITensorSource MergeAdapters(string path, ITensorSource source, PublishedOptions options,
        List<ITensorSource> open)
    {
        string? adapterPath = options.AdapterPath ?? FindAdapter(path);
        if (adapterPath is null)
        {
            return LoraSource.HasAdapters(source)
                ? new LoraSource(source, null, ReadSettings(path, options.LoraAlpha))
                : source;
        }

        ITensorSource adapters = CheckpointSource.OpenFile(FindAdapter(adapterPath) ?? adapterPath);
        open.Add(adapters);
        return new LoraSource(source, adapters, ReadSettings(adapterPath, options.LoraAlpha));
    }

    private static string? FindAdapter(string path) =>
        ((string[])["adapter_model.safetensors", "adapter_model.bin"])
            .Select(name => System.IO.Path.Combine(path, name)).FirstOrDefault(File.Exists);

    private static LoraSettings ReadSettings(string path, float alpha)
    {
        JsonElement config = ReadJson(path, "adapter_config.json");
        if (config.ValueKind != JsonValueKind.Object)
        {
            return new LoraSettings(alpha);
        }

        RefuseUnknownAdapters(path, config);
        try
        {
            // rank_pattern gives some layers another rank, which their shapes tell.
            bool oneRank = Find(config, "rank_pattern") is not { ValueKind: JsonValueKind.Object } ranks
                || !ranks.EnumerateObject().Any();

            // target_modules may be a list of names or one regular expression; only the former is checked.
            string[]? targets = config.TryGetProperty("target_modules", out JsonElement list)
                && list.ValueKind == JsonValueKind.Array
                    ? [.. list.EnumerateArray().Select(target => target.GetString() ?? "")]
                    : null;
            int rank = config.GetProperty("r").GetInt32();
            return new LoraSettings(config.GetProperty("lora_alpha").GetSingle(), oneRank ? rank : null, targets,
                Find(config, "use_rslora") is { ValueKind: JsonValueKind.True });
        }
        catch (Exception error) when (error is InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{path}': adapter_config.json lacks a number r or lora_alpha, or target_modules is no list of names: "
                + error.Message, error);
        }
    }

    // Kinds of adapters whose merging is another formula; taking them for plain ones would give wrong numbers.
    private static void RefuseUnknownAdapters(string path, JsonElement config)
    {
        string? kind = Find(config, "peft_type") is { ValueKind: JsonValueKind.String } type
            && type.GetString() != "LORA" ? $"peft_type is '{type.GetString()}'"
            : Find(config, "use_dora") is { ValueKind: JsonValueKind.True } ? "use_dora is set"
            : Find(config, "fan_in_fan_out") is { ValueKind: JsonValueKind.True } ? "fan_in_fan_out is set"
            : Find(config, "alpha_pattern") is { ValueKind: JsonValueKind.Object } alphas
                && alphas.EnumerateObject().Any() ? "alpha_pattern gives layers scales of their own"
            : null;
        if (kind is not null)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"'{path}': adapter_config.json: {kind}; only plain low-rank adapters (LORA) are merged.");
        }
    }

    private static JsonElement Find(JsonElement config, string name) =>
        config.TryGetProperty(name, out JsonElement value) ? value : default;

    private static JsonElement ReadJson(string path, string name)
    {
        string folder = Directory.Exists(path) ? path
            : System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        string file = System.IO.Path.Combine(folder, name);
        if (!File.Exists(file))
        {
            return default;
        }

        try
        {
            using JsonDocument document =
                JsonDocument.Parse(InputFile.ReadAll(file, "configuration", ModelFolder.ConfigLengthMax));
            return document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{file}' is not JSON: {error.Message}", error);
        }
    }
}
