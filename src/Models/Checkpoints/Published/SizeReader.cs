using System.Globalization;
using System.Text.Json;
using PixSearch.Models.Llava;
using PixSearch.Models.PixelLm;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Text;
using PixSearch.Models.Vision;
using PixSearch.Tensors;

namespace PixSearch.Models.Checkpoints.Published;

/// <summary>
/// Finds a model's configuration: sizes from the tensors themselves, which cannot be out of date; what shapes do not
/// tell (heads, constants) from the checkpoint's <c>config.json</c> where there is one, otherwise from the published
/// models.
/// </summary>
/// <param name="tensors">Tensors under the project's names.</param>
/// <param name="config">The checkpoint's <c>config.json</c>; Undefined for none.</param>
internal sealed class SizeReader(IReadOnlyDictionary<string, TensorEntry> tensors, JsonElement config)
{
    private const string VisionPrefix = "model.vision_tower.vision_tower.vision_model.";
    private const int QwenHalfBillion = 896;

    // Pixel-SAIL's files come without a configuration; it was trained with sequences of this length.
    private const int SailLength = 8192;
    private const string EvePatches = "single_transformer.model.vision_tower.patch_embedding.0.weight";

    /// <summary>PLUM's configuration.</summary>
    public PixSearchConfig PixSearch(string name) => new()
    {
        Name = name,
        TextConfig = Text("model."),
        VisionConfig = Vision(),
        SamConfig = Sam("model.visual_model."),
        MmProjectorType = ProjectorType(),
        MmVisionSelectLayer = Number("mm_vision_select_layer", -2),
        SystemPrompt = Families.PixSearchPrompt.LlavaSystem, // PLUM's code uses llava_v1 as a whole
        BioFeedForward = Size("bio_encoder.encoder.layers.0.linear1.weight", 0, 2048),
    };

    /// <summary>GLaMM's configuration: LISA's with another prompt.</summary>
    public LisaConfig Glamm(string name) =>
        Lisa(name) with { PictureTemplate = Families.PixSearchPrompt.GlammPictureTemplate };

    /// <summary>LISA's configuration.</summary>
    public LisaConfig Lisa(string name) => new()
    {
        Name = name,
        TextConfig = Text("model."),
        VisionConfig = Vision(),
        SamConfig = Sam("model.visual_model."),
        MmProjectorType = ProjectorType(),
        MmVisionSelectLayer = Number("mm_vision_select_layer", -2),
    };

    /// <summary>PixelLM's configuration.</summary>
    public PixelLmConfig PixelLm(string name)
    {
        int width = Size("model.mask_decoder.iou_token.weight", 1, 256);
        return new PixelLmConfig
        {
            Name = name,
            TextConfig = Text("model."),
            VisionConfig = Vision(),
            DecoderDim = width,
            DecoderMlpDim = Size("model.mask_decoder.transformer.0.layers.0.mlp.lin1.weight", 0, 2048),
        };
    }

    /// <summary>Pixel-SAIL's configuration.</summary>
    public PixelSailConfig PixelSail(string name)
    {
        int patch = (int)Math.Round(Math.Sqrt(Size("single_transformer.model.vis_embed.weight", 1, 768) / 3.0));
        return new PixelSailConfig
        {
            Name = name,
            TextConfig = Text("single_transformer.model."),
            PatchSize = patch,
            SegHidden = Size("seg_token_projector.2.weight", 0, 512),
        };
    }

    /// <summary>True for Pixel-SAIL on EVEv2, whose patches come from convolutions.</summary>
    public bool IsEve => tensors.ContainsKey(EvePatches);

    /// <summary>The configuration of Pixel-SAIL on EVEv2.</summary>
    public EveSailConfig EveSail(string name) => new()
    {
        Name = name,
        TextConfig = Text("single_transformer.model.") with { VisionTwin = true },
        PatchHidden = Size(EvePatches, 0, 1024),
        SegHidden = Size("seg_token_projector.2.weight", 0, 256),
    };

    /// <summary>LLaVA's configuration; transformers crops where the authors' code pads.</summary>
    public LlavaConfig Llava(string name, CheckpointLayout layout) => new()
    {
        Name = name,
        TextConfig = Text("model."),
        VisionConfig = Vision(),
        MmProjectorType = ProjectorType(),
        MmVisionSelectLayer = Number("mm_vision_select_layer", -2),
        MmUseImStartEnd = Find("mm_use_im_start_end").ValueKind == JsonValueKind.True,
        ImageAspectRatio = layout == CheckpointLayout.Llava
            && Find("image_aspect_ratio") is { ValueKind: JsonValueKind.String } ratio && ratio.GetString() == "pad"
                ? "pad"
                : "crop",
    };

    /// <summary>The configuration of SAM by itself.</summary>
    public SamModelConfig SamAlone(string name) => new() { Name = name, SamConfig = Sam("model.visual_model.") };

    /// <summary>The language model's sizes.</summary>
    public LlamaConfig Text(string prefix)
    {
        string layer = $"{prefix}layers.0.";
        int hidden = Size($"{prefix}embed_tokens.weight", 1, 0);
        int heads = Number("num_attention_heads", UsualHeads(hidden));
        int keyValueWidth = Size($"{layer}self_attn.k_proj.weight", 0, hidden);
        bool biases = tensors.ContainsKey($"{layer}self_attn.q_proj.bias");
        string output = prefix[..^"model.".Length] + "lm_head.weight";
        RefuseOtherArithmetic();
        return new LlamaConfig
        {
            HiddenSize = hidden,
            NumHiddenLayers = Number("num_hidden_layers", CountItems($"{prefix}layers.")),
            NumAttentionHeads = heads,
            NumKeyValueHeads = Math.Max(1, (int)((long)keyValueWidth * heads / Math.Max(1, hidden))),
            IntermediateSize = Size($"{layer}mlp.gate_proj.weight", 0, 0),
            VocabSize = Size($"{prefix}embed_tokens.weight", 0, 0),
            RopeTheta = Real("rope_theta", biases ? 1e6f : 1e4f),
            // A configuration leaves out what is transformers' default; without one, LLaMA 2's number is likelier.
            RmsNormEps = Real("rms_norm_eps", biases || HasTextConfig ? 1e-6f : 1e-5f),
            TieWordEmbeddings = !tensors.ContainsKey(output),
            MaxPositionEmbeddings = Number("max_position_embeddings", biases ? SailLength : 2048),
            AttentionBias = biases,
        };
    }

    /// <summary>CLIP's sizes; those of ViT-L/14 at 224 where the checkpoint has no vision part.</summary>
    public ClipVisionConfig Vision()
    {
        string patches = $"{VisionPrefix}embeddings.patch_embedding.weight";
        int width = Size(patches, 0, 1024);
        int patch = Size(patches, 3, 14);
        int positions = Size($"{VisionPrefix}embeddings.position_embedding.weight", 0, 257);
        int layers = CountItems($"{VisionPrefix}encoder.layers.");
        return new ClipVisionConfig
        {
            ImageSize = (int)Math.Round(Math.Sqrt(Math.Max(1, positions - 1))) * patch,
            PatchSize = patch,
            HiddenSize = width,
            NumHiddenLayers = layers > 0 ? layers : 24,
            NumAttentionHeads = VisionNumber("num_attention_heads", Math.Max(1, width / 64)),
            IntermediateSize = Size($"{VisionPrefix}encoder.layers.0.mlp.fc1.weight", 0, 4 * width),
        };
    }

    /// <summary>SAM's sizes; those of ViT-H where the checkpoint has no image encoder.</summary>
    public SamConfig Sam(string prefix)
    {
        string encoder = $"{prefix}image_encoder.";
        string decoder = $"{prefix}mask_decoder.";
        int width = Size($"{encoder}pos_embed", 3, 1280);
        int grid = Size($"{encoder}pos_embed", 1, 64);
        int patch = Size($"{encoder}patch_embed.proj.weight", 3, 16);
        int depth = CountItems($"{encoder}blocks.");
        int headSize = Size($"{encoder}blocks.0.attn.rel_pos_h", 1, 80);
        int[] rows = [.. Enumerable.Range(0, depth).Select(i => Size($"{encoder}blocks.{i}.attn.rel_pos_h", 0, 0))];
        int[] global = [.. Enumerable.Range(0, depth).Where(i => rows[i] == (2 * grid) - 1)];
        int window = rows.Where(length => length != (2 * grid) - 1).Select(length => (length + 1) / 2)
            .DefaultIfEmpty(Math.Min(14, grid)).First();
        return new SamConfig
        {
            ImageSize = grid * patch,
            PatchSize = patch,
            EmbedDim = width,
            Depth = depth > 0 ? depth : 32,
            NumHeads = Math.Max(1, width / Math.Max(1, headSize)),
            MlpRatio = Math.Max(1, Size($"{encoder}blocks.0.mlp.lin1.weight", 0, 4 * width) / Math.Max(1, width)),
            WindowSize = Math.Max(1, window),
            GlobalAttnIndexes = depth > 0 ? global : [7, 15, 23, 31],
            OutChans = Size($"{decoder}iou_token.weight", 1, 256),
            DecoderDepth = Math.Max(1, CountItems($"{decoder}transformer.layers.")),
            DecoderMlpDim = Size($"{decoder}transformer.layers.0.mlp.lin1.weight", 0, 2048),
            MaskTokens = Size($"{decoder}mask_tokens.weight", 0, 4),
        };
    }

    private bool HasTextConfig => Find("model_type").ValueKind == JsonValueKind.String;

    // What a decoder of the same shapes may compute otherwise. Ignored, each would give wrong numbers silently.
    private void RefuseOtherArithmetic()
    {
        string? other = IsSet("rope_scaling") ? "rope_scaling"
            : Find("rope_parameters") is { ValueKind: JsonValueKind.Object } rope
                && rope.TryGetProperty("rope_type", out JsonElement type) && Text(type) is not (null or "default")
                    ? "rope_parameters.rope_type"
            : Find("use_sliding_window").ValueKind == JsonValueKind.True ? "use_sliding_window"
            : Text(Find("hidden_act")) is not (null or "silu") ? "hidden_act"
            : IsSet("quantization_config") ? "quantization_config"
            : Text(Find("mm_vision_select_feature")) is not (null or "patch") ? "mm_vision_select_feature"
            : Text(Find("vision_feature_select_strategy")) is not (null or "default") ? "vision_feature_select_strategy"
            : Find("vision_feature_layer").ValueKind == JsonValueKind.Array ? "vision_feature_layer (a list)"
            : null;
        if (other is not null)
        {
            throw Config.Broken($"{other} is set to what no family here computes");
        }
    }

    private bool IsSet(string property) => IsGiven(Find(property));

    private static bool IsGiven(JsonElement value) =>
        value.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    private static string? Text(JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // Heads of 128 in all LLaMA and Qwen2.5 models from 1.5 B on; Qwen2.5-0.5B (896) has 14 of 64.
    private static int UsualHeads(int hidden) =>
        hidden != QwenHalfBillion && hidden % 128 == 0 ? hidden / 128 : Math.Max(1, hidden / 64);

    private string ProjectorType() => tensors.ContainsKey("model.mm_projector.0.weight") ? "mlp2x_gelu" : "linear";

    private int Size(string name, int axis, int otherwise) =>
        tensors.TryGetValue(name, out TensorEntry? entry) && entry.Shape.Rank > axis ? entry.Shape[axis] : otherwise;

    private int CountItems(string prefix)
    {
        int count = 0;
        foreach (string name in tensors.Keys)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                ReadOnlySpan<char> rest = name.AsSpan(prefix.Length);
                int dot = rest.IndexOf('.');
                if (dot > 0 && int.TryParse(rest[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out int index)
                    && index < 1024)
                {
                    count = Math.Max(count, index + 1);
                }
            }
        }

        return count;
    }

    // llava-hf nests the language model's values in text_config.
    private JsonElement Find(string property)
    {
        if (config.ValueKind != JsonValueKind.Object)
        {
            return default;
        }

        return config.TryGetProperty(property, out JsonElement value) ? value
            : config.TryGetProperty("text_config", out JsonElement text) && text.ValueKind == JsonValueKind.Object
                && text.TryGetProperty(property, out value) ? value
            : property == "mm_vision_select_layer" ? Find("vision_feature_layer") : default;
    }

    private int Number(string property, int otherwise) => Number(property, Find(property), otherwise);

    // A value of another kind is refused: the usual number instead of it would be wrong without a word.
    private static int Number(string property, JsonElement value, int otherwise) =>
        !IsGiven(value) ? otherwise
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
        : throw Config.Broken($"{property} is {value.GetRawText()}; it must be a whole number");

    private float Real(string property, float otherwise)
    {
        JsonElement value = Find(property);
        return !IsGiven(value) ? otherwise
            : value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number) && float.IsFinite(number)
                ? number
            : throw Config.Broken($"{property} is {value.GetRawText()}; it must be a number");
    }

    private int VisionNumber(string property, int otherwise) =>
        config.ValueKind == JsonValueKind.Object && config.TryGetProperty("vision_config", out JsonElement vision)
            && vision.ValueKind == JsonValueKind.Object && vision.TryGetProperty(property, out JsonElement value)
            ? Number($"vision_config.{property}", value, otherwise) : otherwise;
}
