using System.Text.RegularExpressions;

namespace PixSearch.Models.Checkpoints.Published;

/// <summary>
/// From the names that savers give to those of the project's layout, which are the ones of the original LLaVA, LISA,
/// PLUM, PixelLM and Pixel-SAIL code. Wrappers of saving tools are taken off wherever they stand in front; the rest is
/// recognised by how it begins.
/// </summary>
public static partial class CheckpointNames
{
    private const string Vision = "model.vision_tower.vision_tower.vision_model.";

    private static readonly string[] s_wrappers = ["module.", "_orig_mod.", "base_model.model.", "mllm."];

    private static readonly (string Prefix, string Replacement)[] s_prefixes =
    [
        ("language_model.model.", "model."),
        ("language_model.lm_head.", "lm_head."),
        ("model.language_model.", "model."),
        ("model.multi_modal_projector.linear_1.", "model.mm_projector.0."),
        ("model.multi_modal_projector.linear_2.", "model.mm_projector.2."),
        ("multi_modal_projector.linear_1.", "model.mm_projector.0."),
        ("multi_modal_projector.linear_2.", "model.mm_projector.2."),
        ("model.vision_tower.vision_model.", Vision),
        ("vision_tower.vision_model.", Vision),
        ("vision_tower.vision_tower.vision_model.", Vision),
        ("model.grounding_encoder.", "model.visual_model."),
        ("grounding_encoder.", "model.visual_model."),
        ("visual_model.", "model.visual_model."),
        ("text_hidden_fcs.", "model.text_hidden_fcs."),
        ("model.lm_head.", "lm_head."),
    ];

    /// <summary>
    /// The project's name of a tensor; null for one that no computation reads: PLUM's aliases of the prompt encoder,
    /// old rotary tables, position ids, teachers and duplicates in Pixel-SAIL's training files, GLaMM's encoder of
    /// boxes that a question names.
    /// </summary>
    public static string? Canonical(string name, CheckpointLayout layout)
    {
        name = WithoutWrappers(name);
        if (IsUnused(name, layout))
        {
            return null;
        }

        if (layout == CheckpointLayout.SamHf)
        {
            return "model.visual_model." + TransformersSamNames.ToMeta(name);
        }

        if (layout == CheckpointLayout.Sam)
        {
            int start = PartOfSam().Match(name) is { Success: true } match ? match.Index : 0;
            return "model.visual_model." + name[start..];
        }

        if (layout == CheckpointLayout.Clip)
        {
            int start = name.IndexOf("vision_model.", StringComparison.Ordinal);
            return start < 0 ? null : Vision + name[(start + "vision_model.".Length)..];
        }

        if (layout == CheckpointLayout.Sa2Va)
        {
            return Sa2Va(name);
        }

        foreach ((string prefix, string replacement) in s_prefixes)
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                return replacement + name[prefix.Length..];
            }
        }

        return name;
    }

    // Its head is no list; its own code renames every gamma, which transformers would rename otherwise. Training files
    // have the multimodal part under mllm.model, with adapters round the language model inside of it.
    private static string Sa2Va(string name)
    {
        name = Sa2VaWrapper().Replace(name, "");
        name = name.Replace("language_model.base_model.model.", "language_model.", StringComparison.Ordinal);
        name = name.EndsWith(".gamma", StringComparison.Ordinal) ? name[..^"gamma".Length] + "g_weight" : name;
        return name.StartsWith("text_hidden_fcs.", StringComparison.Ordinal)
            ? "model.text_hidden_fcs.0." + name["text_hidden_fcs.".Length..]
            : name.StartsWith("language_model.", StringComparison.Ordinal)
                ? name["language_model.".Length..]
                : name;
    }

    private static string WithoutWrappers(string name)
    {
        for (int i = 0; i < s_wrappers.Length; i++)
        {
            if (name.StartsWith(s_wrappers[i], StringComparison.Ordinal))
            {
                name = name[s_wrappers[i].Length..];
                i = -1;
            }
        }

        return name;
    }

    private static bool IsUnused(string name, CheckpointLayout layout) =>
        name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal)
        || name.EndsWith("embeddings.position_ids", StringComparison.Ordinal)
        || (layout == CheckpointLayout.Plum && PlumAlias().IsMatch(name))
        || (layout == CheckpointLayout.Glamm && GlammRegions().IsMatch(name))
        || (layout == CheckpointLayout.PixelSail && SailUnused().IsMatch(name));

    [GeneratedRegex("^model\\.(?=(language_model|vision_model|mlp1|grounding_encoder|text_hidden_fcs)\\.)",
        RegexOptions.CultureInvariant)]
    private static partial Regex Sa2VaWrapper();

    [GeneratedRegex("(image_encoder|prompt_encoder|mask_decoder)\\.", RegexOptions.CultureInvariant)]
    private static partial Regex PartOfSam();

    [GeneratedRegex("^mask_pooler\\.(prompt_encoder|block[12]|final_conv)\\.", RegexOptions.CultureInvariant)]
    private static partial Regex PlumAlias();

    [GeneratedRegex("^model\\.region_encoder\\.", RegexOptions.CultureInvariant)]
    private static partial Regex GlammRegions();

    // vp_embed beside lm_head is EVEv2's, which adds the prompts' embeddings as they are; SOLO's lies under model.
    [GeneratedRegex("^(llm\\.|.*teacher|.*distill|single_transformer\\.vp_embed\\.|(mask2former|sam2|radio)_model\\.)",
        RegexOptions.CultureInvariant)]
    private static partial Regex SailUnused();
}
