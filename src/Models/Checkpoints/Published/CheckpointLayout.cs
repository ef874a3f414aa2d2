namespace PixSearch.Models.Checkpoints.Published;

/// <summary>The layouts of published checkpoints that are told apart by their tensors.</summary>
public enum CheckpointLayout
{
    /// <summary>None of the others.</summary>
    Unknown,

    /// <summary>A LLaMA or Qwen2 language model alone.</summary>
    Llama,

    /// <summary>LLaVA as its authors save it.</summary>
    Llava,

    /// <summary>LLaVA as transformers saves it (<c>llava-hf</c>).</summary>
    LlavaHf,

    /// <summary>LISA: LLaVA, SAM, one <c>[SEG]</c> head.</summary>
    Lisa,

    /// <summary>GLaMM: as LISA with <c>grounding_encoder</c>.</summary>
    Glamm,

    /// <summary>PLUM, hence PixSearch, and the project's own layout of it.</summary>
    Plum,

    /// <summary>PixelLM.</summary>
    PixelLm,

    /// <summary>Sa2VA (InternVL and SAM 2): recognised, but there is no model for it here.</summary>
    Sa2Va,

    /// <summary>Pixel-SAIL.</summary>
    PixelSail,

    /// <summary>SAM alone, as Meta saves it.</summary>
    Sam,

    /// <summary>SAM alone, as transformers saves it.</summary>
    SamHf,

    /// <summary>CLIP, or its vision part alone, as transformers saves it.</summary>
    Clip,
}

/// <summary>Recognises layouts.</summary>
public static class CheckpointLayouts
{
    // The first whose mark occurs in a name decides: special layouts contain the general ones.
    private static readonly (string Mark, CheckpointLayout Layout)[] s_marks =
    [
        ("single_transformer.", CheckpointLayout.PixelSail),
        ("mask_pooler.queries", CheckpointLayout.Plum),
        ("out_mm_projector.", CheckpointLayout.PixelLm),
        ("grounding_encoder.sam2_model.", CheckpointLayout.Sa2Va),
        ("grounding_encoder.", CheckpointLayout.Glamm),
        ("visual_model.", CheckpointLayout.Lisa),
        ("multi_modal_projector.", CheckpointLayout.LlavaHf),
        ("mm_projector.", CheckpointLayout.Llava),
        ("vision_encoder.patch_embed.projection.", CheckpointLayout.SamHf),
        ("mask_decoder.iou_token.", CheckpointLayout.Sam),
        ("vision_model.embeddings.class_embedding", CheckpointLayout.Clip),
        ("layers.0.self_attn.q_proj.", CheckpointLayout.Llama),
    ];

    /// <summary>The layout of a set of names.</summary>
    public static CheckpointLayout Detect(IEnumerable<string> names)
    {
        int best = s_marks.Length;
        foreach (string name in names)
        {
            for (int i = 0; i < best; i++)
            {
                if (name.Contains(s_marks[i].Mark, StringComparison.Ordinal))
                {
                    best = i;
                }
            }
        }

        return best < s_marks.Length ? s_marks[best].Layout : CheckpointLayout.Unknown;
    }
}
