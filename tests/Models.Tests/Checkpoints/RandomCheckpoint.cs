using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Checkpoints.Published;
using PixSearch.Models.Llava;
using PixSearch.Models.PixelLm;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Tests.Families;
using PixSearch.Models.Text;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Checkpoints;

/// <summary>
/// The test tool: small random checkpoints of the families, with the names and in the files that their authors' tools
/// write.
/// </summary>
internal sealed class RandomCheckpoint : IWeightSource
{
    private readonly List<(string Name, Shape Shape)> _tensors = [];

    private RandomCheckpoint(string configJson) => ConfigJson = configJson;

    /// <summary>config.json of the project's layout that the tensors fit.</summary>
    public string ConfigJson { get; }

    /// <summary>Names of the project's layout, with numbers.</summary>
    public Dictionary<string, (Shape Shape, float[] Values)> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>Enough positions for PixelLM's 256 slots of a picture and a question.</summary>
    public static LlamaConfig Text(int vocabulary = TinyModels.VocabularySize) => new()
    {
        HiddenSize = 64,
        NumHiddenLayers = 2,
        NumAttentionHeads = 4,
        NumKeyValueHeads = 4,
        IntermediateSize = 96,
        VocabSize = vocabulary,
        MaxPositionEmbeddings = 1024,
    };

    public static LlamaConfig Qwen(int vocabulary) => Text(vocabulary) with
    {
        AttentionBias = true,
        NumKeyValueHeads = 2,
        RopeTheta = 1e6f,
        RmsNormEps = 1e-6f,
    };

    public static ClipVisionConfig Vision(int layers) => new()
    {
        ImageSize = 28,
        PatchSize = 14,
        HiddenSize = 64,
        NumHiddenLayers = layers,
        NumAttentionHeads = 1,
        IntermediateSize = 96,
    };

    public static SamConfig Sam() => new()
    {
        ImageSize = 64,
        PatchSize = 16,
        EmbedDim = 32,
        Depth = 2,
        NumHeads = 2,
        WindowSize = 3,
        GlobalAttnIndexes = [1],
        OutChans = 32,
        DecoderMlpDim = 48,
    };

    public static RandomCheckpoint Plum(LlamaConfig? text = null, ElementType type = ElementType.F32) =>
        Make("pixsearch", new PixSearchConfig
        {
            TextConfig = text ?? Text(),
            VisionConfig = Vision(3),
            SamConfig = Sam(),
            BioFeedForward = 40,
        }.ToJson(), Vision(3), type);

    public static RandomCheckpoint Lisa(string projector = "linear", int vocabulary = TinyModels.VocabularySize) =>
        Make("lisa", new LisaConfig
        {
            TextConfig = Text(vocabulary),
            VisionConfig = Vision(3),
            SamConfig = Sam(),
            MmProjectorType = projector,
        }.ToJson(), Vision(3));

    public static RandomCheckpoint PixelLm(int vocabulary = TinyModels.VocabularySize) =>
        Make("pixellm", new PixelLmConfig
        {
            TextConfig = Text(vocabulary),
            VisionConfig = Vision(11),
            DecoderDim = 32,
            DecoderMlpDim = 48,
        }.ToJson(), Vision(11));

    public static RandomCheckpoint PixelSail(int vocabulary = TinyModels.VocabularySize) =>
        Make("pixel_sail", new PixelSailConfig { TextConfig = Qwen(vocabulary), SegHidden = 24 }.ToJson());

    public static RandomCheckpoint EveSail(int vocabulary = TinyModels.VocabularySize) =>
        Make("pixel_sail_eve", new EveSailConfig
        {
            TextConfig = Qwen(vocabulary) with { VisionTwin = true },
            AreaSide = 64,
            PatchHidden = 24,
            SegHidden = 24,
        }.ToJson());

    public static RandomCheckpoint Llava(int vocabulary) => Make(LlavaConfig.Type, new LlavaConfig
    {
        TextConfig = Text(vocabulary),
        VisionConfig = Vision(3),
    }.ToJson(), Vision(3));

    /// <summary>SAM alone; names as LISA's, see <see cref="SamNameOf"/>.</summary>
    public static RandomCheckpoint SamAlone() =>
        Make(SamModelConfig.Type, new SamModelConfig { SamConfig = Sam() }.ToJson());

    /// <summary>A LLaMA of PLUM's depth and vocabulary, 1/16 of its width.</summary>
    public static LlamaConfig NarrowThirteenB() => new()
    {
        HiddenSize = 320,
        NumHiddenLayers = 40,
        NumAttentionHeads = 40,
        NumKeyValueHeads = 40,
        IntermediateSize = 864,
        VocabSize = 32_002,
        MaxPositionEmbeddings = 2048,
    };

    /// <summary>Meta's name of a tensor of SAM.</summary>
    public static string SamNameOf(string name) => name["model.visual_model.".Length..];

    /// <summary>The name that transformers gives a tensor of SAM, of which it keeps the Gaussian matrix once.</summary>
    public static string TransformersSamNameOf(string name)
    {
        name = SamNameOf(name);
        if (name.EndsWith("gaussian_matrix", StringComparison.Ordinal))
        {
            return "shared_image_embedding.positional_embedding";
        }

        (string Metas, string Theirs)[] parts =
        [
            ("image_encoder.blocks.", "image_encoder.layers."), ("image_encoder", "vision_encoder"),
            ("neck.0", "neck.conv1"), ("neck.1", "neck.layer_norm1"), ("neck.2", "neck.conv2"),
            ("neck.3", "neck.layer_norm2"), ("patch_embed.proj", "patch_embed.projection"),
            ("mask_downscaling.0", "mask_embed.conv1"), ("mask_downscaling.1", "mask_embed.layer_norm1"),
            ("mask_downscaling.3", "mask_embed.conv2"), ("mask_downscaling.4", "mask_embed.layer_norm2"),
            ("mask_downscaling.6", "mask_embed.conv3"), ("point_embeddings", "point_embed"),
            ("output_upscaling.0", "upscale_conv1"), ("output_upscaling.1", "upscale_layer_norm"),
            ("output_upscaling.3", "upscale_conv2"), (".norm_final_attn", ".layer_norm_final_attn"),
            (".norm", ".layer_norm"),
        ];
        name = parts.Aggregate(name, (text, part) => text.Replace(part.Metas, part.Theirs, StringComparison.Ordinal));
        if (name.Contains("hypernetworks", StringComparison.Ordinal)
            || name.Contains("iou_prediction_head", StringComparison.Ordinal))
        {
            name = name.Replace("layers.0", "proj_in", StringComparison.Ordinal)
                .Replace("layers.1", "layers.0", StringComparison.Ordinal)
                .Replace("layers.2", "proj_out", StringComparison.Ordinal);
        }

        return name;
    }

    /// <summary>What the authors' config.json tells beside the shapes.</summary>
    public static string AuthorsConfig(LlamaConfig text) => JsonSerializer.Serialize(new
    {
        model_type = "llava",
        num_attention_heads = text.NumAttentionHeads,
        num_hidden_layers = text.NumHiddenLayers,
        rms_norm_eps = text.RmsNormEps,
        rope_theta = text.RopeTheta,
        max_position_embeddings = text.MaxPositionEmbeddings,
        mm_vision_select_layer = -2,
    });

    /// <summary>One safetensors file.</summary>
    public void WriteSafetensors(string path, Func<string, string?>? rename = null) =>
        SafetensorsWriter.Write(path, Renamed(rename).Select(tensor =>
            TensorPayload.Floats(tensor.Name, tensor.Shape, tensor.Values)));

    /// <summary>How shards and PyTorch files store numbers.</summary>
    public ElementType Type { get; init; } = ElementType.F32;

    /// <summary>One PyTorch file.</summary>
    public byte[] ToTorch(Func<string, string?>? rename = null, string? wrapper = null) =>
        ToTorch(Renamed(rename), wrapper);

    /// <summary>Shards with an index, tensors in order of name.</summary>
    public void WriteShards(string folder, bool torch, int shards, Func<string, string?>? rename = null)
    {
        (string Name, Shape Shape, float[] Values)[] all = [.. Renamed(rename)];
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        (string Name, Shape Shape, float[] Values)[][] parts = [.. all.Chunk((all.Length / shards) + 1)];
        for (int i = 0; i < parts.Length; i++)
        {
            string file = torch
                ? $"pytorch_model-{i + 1:00000}-of-{parts.Length:00000}.bin"
                : $"model-{i + 1:00000}-of-{parts.Length:00000}.safetensors";
            Array.ForEach(parts[i], tensor => map[tensor.Name] = file);
            string path = Path.Combine(folder, file);
            if (torch)
            {
                File.WriteAllBytes(path, ToTorch(parts[i], null));
            }
            else
            {
                SafetensorsWriter.Write(path, parts[i].Select(tensor =>
                    TensorPayload.Floats(tensor.Name, tensor.Shape, tensor.Values, Type)));
            }
        }

        string index = torch ? "pytorch_model.bin.index.json" : "model.safetensors.index.json";
        File.WriteAllText(Path.Combine(folder, index), JsonSerializer.Serialize(new { weight_map = map }));
    }

    bool IWeightSource.Contains(string name) => true;

    Weight IWeightSource.Create(string name, Shape shape, WeightInit init)
    {
        _tensors.Add((name, shape));
        return new Weight(name, shape, WeightType.F32, new MemoryStream());
    }

    private static RandomCheckpoint Make(string type, string configJson, ClipVisionConfig? vision = null,
        ElementType stored = ElementType.F32)
    {
        var checkpoint = new RandomCheckpoint(configJson) { Type = stored };
        using (var store = new WeightStore(checkpoint))
        {
            PublishedCheckpoint.BuildNetwork(type, configJson, store);
            if (vision is not null)
            {
                // Published files hold all of CLIP, also the layers above the one that is used.
                WeightScope scope = store.Root["model"]["vision_tower"]["vision_tower"]["vision_model"];
                _ = new ClipVision(scope, vision, vision.NumHiddenLayers);
            }
        }

        var random = new SeededRandom(20260119);
        foreach ((string name, Shape shape) in checkpoint._tensors)
        {
            float[] values = new float[shape.Count];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = (float)random.NextGaussian() * 0.05f;
            }

            checkpoint.Tensors[name] = (shape, values);
        }

        return checkpoint;
    }

    private byte[] ToTorch(IEnumerable<(string Name, Shape Shape, float[] Values)> tensors, string? wrapper)
    {
        var writer = new TorchFileWriter();
        writer.WriteStateDict([.. tensors.Select(tensor => (tensor.Name,
            writer.AddStorage(Type, tensor.Values), Type, 0, tensor.Shape.ToArray(),
            Strides(tensor.Shape)))], wrapper);
        return writer.Build();
    }

    private static int[] Strides(Shape shape)
    {
        int[] strides = new int[shape.Rank];
        int stride = 1;
        for (int axis = shape.Rank - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= shape[axis];
        }

        return strides;
    }

    private IEnumerable<(string Name, Shape Shape, float[] Values)> Renamed(Func<string, string?>? rename) =>
        from pair in Tensors
        let name = rename is null ? pair.Key : rename(pair.Key)
        where name is not null
        orderby name
        select (name, pair.Value.Shape, pair.Value.Values);
}
