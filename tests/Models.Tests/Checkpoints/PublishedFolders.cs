using System.Text.Json;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Tests.Families;
using PixSearch.Models.Text;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Checkpoints;

/// <summary>
/// The test tool: folders as the authors of each family save them (weights, configuration, tokenizer), random.
/// </summary>
internal static class PublishedFolders
{
    private const int Vocabulary = 480;
    private const string VisionPrefix = "model.vision_tower.vision_tower.";

    /// <summary>Layouts that hold all of a model.</summary>
    public static IReadOnlyList<string> Whole { get; } =
    [
        "plum-torch-shards", "plum-adapters-inside", "plum-peft-folder", "lisa-torch", "lisa-llava-hf",
        "lisa-newest-transformers", "glamm-safetensors-shards", "pixellm-torch-shards", "pixel-sail-pth",
        "pixel-sail-eve-pth", "llava-torch-shards", "llava-hf-safetensors-shards",
    ];

    /// <summary>Layouts that leave CLIP to a folder of its own, <c>clip</c> below.</summary>
    public static IReadOnlyList<string> WithoutVision { get; } = ["lisa-without-clip", "pixellm-without-clip"];

    /// <summary>Writes a layout into a folder, which is made.</summary>
    public static void Write(string layout, string folder)
    {
        Directory.CreateDirectory(folder);
        switch (layout)
        {
            case "plum-torch-shards":
                LlavaTokenizer(folder, "<im_start>", "<im_end>");
                Plum().WriteShards(folder, torch: true, shards: 3);
                break;
            case "plum-adapters-inside":
                LlavaTokenizer(folder, "<im_start>", "<im_end>");
                File.WriteAllBytes(In(folder, "pytorch_model.bin"),
                    WithAdapters(Plum(), "model.", ".default").ToTorch(name => "base_model.model." + name));
                break;
            case "plum-peft-folder":
                LlavaTokenizer(folder, "<im_start>", "<im_end>");
                RandomCheckpoint all = WithAdapters(Plum(), "base_model.model.model.", "");
                all.WriteSafetensors(In(folder, "model.safetensors"), name => IsAdapter(name) ? null : name);
                all.WriteSafetensors(In(folder, "adapter_model.safetensors"), name => IsAdapter(name) ? name : null);
                File.WriteAllText(In(folder, "adapter_config.json"),
                    """{"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}""");
                break;
            case "lisa-torch" or "lisa-without-clip":
                LlavaTokenizer(folder, "[SEG]", "<im_start>", "<im_end>");
                Lisa("linear", layout, folder).WriteShards(folder, torch: true, shards: 1, NameOfMain(layout));
                break;
            case "lisa-llava-hf":
                LlavaTokenizer(folder, "[SEG]", "<im_start>", "<im_end>");
                Lisa("mlp2x_gelu", layout, folder).WriteShards(folder, torch: false, shards: 2, LlavaHf);
                break;
            case "lisa-newest-transformers":
                LlavaTokenizer(folder, "[SEG]", "<im_start>", "<im_end>");
                Lisa("mlp2x_gelu", layout, folder).WriteSafetensors(In(folder, "model.safetensors"), Newest);
                break;
            case "glamm-safetensors-shards":
                LlavaTokenizer(folder, "[SEG]", "<bbox>", "<p>", "</p>", "<im_start>", "<im_end>");
                RandomCheckpoint glamm = Lisa("mlp2x_gelu", layout, folder);
                glamm.Tensors["model.region_encoder.mlvl_fuse.weight"] = (new Shape(2, 2), new float[4]);
                glamm.WriteShards(folder, torch: false, shards: 3, name =>
                    name.Replace("model.visual_model.", "model.grounding_encoder.", StringComparison.Ordinal));
                break;
            case "pixellm-torch-shards" or "pixellm-without-clip":
                LlavaTokenizer(folder, "[SEG0]", "[SEG1]", "[SEG2]", "[SEG3]", "[SEG4]", "[SEG5]", "<im_start>",
                    "<im_end>");
                WithClip(RandomCheckpoint.PixelLm(Vocabulary), layout, folder)
                    .WriteShards(folder, torch: true, shards: 2, NameOfMain(layout));
                break;
            case "pixel-sail-pth":
                QwenTokenizer(folder);
                File.WriteAllBytes(In(folder, "iter_100.pth"),
                    RandomCheckpoint.PixelSail(Vocabulary).ToTorch(wrapper: "state_dict"));
                break;
            case "pixel-sail-eve-pth":
                QwenTokenizer(folder);
                RandomCheckpoint eve = RandomCheckpoint.EveSail(Vocabulary);
                eve.Tensors["single_transformer.vp_embed.weight"] = (new Shape(64, 64), new float[64 * 64]);
                eve.Tensors["llm.lm_head.weight"] = (new Shape(1), new float[1]);
                File.WriteAllBytes(In(folder, "iter_100.pth"), eve.ToTorch(wrapper: "state_dict"));
                break;
            case "llava-torch-shards":
                LlavaTokenizer(folder);
                RandomCheckpoint.Llava(Vocabulary).WriteShards(folder, torch: true, shards: 2);
                break;
            case "llava-hf-safetensors-shards":
                LlavaTokenizer(folder, "<image>", "<pad>");
                RandomCheckpoint.Llava(Vocabulary).WriteShards(folder, torch: false, shards: 3, LlavaHf);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(layout), layout, "Unknown layout.");
        }

        LlamaConfig text = RandomCheckpoint.Text(Vocabulary);
        bool isQwen = layout.StartsWith("pixel-sail", StringComparison.Ordinal);
        File.WriteAllText(In(folder, "config.json"), RandomCheckpoint.AuthorsConfig(
            isQwen ? text with { RopeTheta = 1e6f, RmsNormEps = 1e-6f } : text));
    }

    private static string In(string folder, string name) => Path.Combine(folder, name);

    private static bool IsAdapter(string name) => name.Contains(".lora_", StringComparison.Ordinal);

    private static bool IsVision(string name) => name.StartsWith(VisionPrefix, StringComparison.Ordinal);

    // The tagger's last bias makes every token a span: masks come out whatever the random weights write.
    private static RandomCheckpoint Plum()
    {
        RandomCheckpoint plum = RandomCheckpoint.Plum(RandomCheckpoint.Text(Vocabulary));
        plum.Tensors["model.token_to_mask_fcs.0.2.bias"] = (new Shape(3), [0, 100, 0]);
        return plum;
    }

    private static RandomCheckpoint Lisa(string projector, string layout, string folder) =>
        WithClip(RandomCheckpoint.Lisa(projector, Vocabulary), layout, folder);

    private static RandomCheckpoint WithClip(RandomCheckpoint random, string layout, string folder)
    {
        if (WithoutVision.Contains(layout))
        {
            Directory.CreateDirectory(In(folder, "clip"));
            random.WriteSafetensors(In(folder, "clip/model.safetensors"),
                name => IsVision(name) ? name[VisionPrefix.Length..] : null);
        }

        return random;
    }

    private static Func<string, string?>? NameOfMain(string layout) =>
        WithoutVision.Contains(layout) ? name => IsVision(name) ? null : name : null;

    private static string LlavaHf(string name) => name switch
    {
        "lm_head.weight" => "language_model.lm_head.weight",
        _ when IsVision(name) => "vision_tower." + name[VisionPrefix.Length..],
        _ when name.StartsWith("model.mm_projector.", StringComparison.Ordinal) => Projector(name),
        _ when IsText(name) => "language_model." + name,
        _ => name,
    };

    private static string Newest(string name) => name switch
    {
        _ when IsVision(name) => "model.vision_tower." + name[VisionPrefix.Length..],
        _ when name.StartsWith("model.mm_projector.", StringComparison.Ordinal) => "model." + Projector(name),
        _ when IsText(name) => "model.language_model." + name["model.".Length..],
        _ => name,
    };

    private static bool IsText(string name) => name.StartsWith("model.layers.", StringComparison.Ordinal)
        || name is "model.embed_tokens.weight" or "model.norm.weight";

    private static string Projector(string name) => name
        .Replace("model.mm_projector.0", "multi_modal_projector.linear_1", StringComparison.Ordinal)
        .Replace("model.mm_projector.2", "multi_modal_projector.linear_2", StringComparison.Ordinal);

    private static RandomCheckpoint WithAdapters(RandomCheckpoint random, string prefix, string suffix)
    {
        foreach (string layer in (string[])["layers.0.self_attn.q_proj", "layers.1.self_attn.v_proj"])
        {
            int width = random.Tensors[$"model.{layer}.weight"].Shape[1];
            float[] numbers = [.. Enumerable.Range(0, 4 * width).Select(i => MathF.Sin(i) * 0.02f)];
            random.Tensors[$"{prefix}{layer}.lora_A{suffix}.weight"] = (new Shape(4, width), numbers);
            random.Tensors[$"{prefix}{layer}.lora_B{suffix}.weight"] = (new Shape(width, 4), numbers);
        }

        return random;
    }

    // A SentencePiece model without its one user-defined piece, which LLaMA's has none of, and added_tokens.json.
    private static void LlavaTokenizer(string folder, params string[] added)
    {
        byte[] model = File.ReadAllBytes(Golden.Path("sp-mini.model"));
        int at = model.AsSpan().IndexOf("[UD]"u8);
        model[at + model.AsSpan(at).IndexOf((ReadOnlySpan<byte>)[0x18, 4]) + 1] = 3;
        File.WriteAllBytes(In(folder, "tokenizer.model"), model);
        File.WriteAllText(In(folder, "added_tokens.json"), JsonSerializer.Serialize(
            added.Select((token, i) => (token, i)).ToDictionary(pair => pair.token, pair => 460 + pair.i)));
    }

    // The slow form: vocab.json, merges.txt; the base model's special tokens in tokenizer_config.json, none of the
    // family's own.
    private static void QwenTokenizer(string folder)
    {
        using JsonDocument json = JsonDocument.Parse(TinyModels.TokenizerJson());
        JsonElement model = json.RootElement.GetProperty("model");
        JsonElement vocabulary = model.GetProperty("vocab");
        File.WriteAllText(In(folder, "vocab.json"), vocabulary.GetRawText());
        File.WriteAllLines(In(folder, "merges.txt"), ["#version: 0.2",
            .. model.GetProperty("merges").EnumerateArray().Select(pair => pair.GetString()!)]);
        int first = vocabulary.EnumerateObject().Max(token => token.Value.GetInt32()) + 1;
        string[] tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<vision>", "</vision>", "<vpatch>"];
        File.WriteAllText(In(folder, "tokenizer_config.json"), JsonSerializer.Serialize(new
        {
            added_tokens_decoder = tokens.Select((token, i) => (token, i)).ToDictionary(
                pair => $"{first + pair.i}", pair => new { content = pair.token, special = true }),
        }));
    }
}
