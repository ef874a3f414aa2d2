using System.Text.RegularExpressions;

namespace PixSearch.Models.Checkpoints.Published;

/// <summary>From the names that transformers gives SAM (<c>facebook/sam-vit-*</c>) to Meta's.</summary>
internal static partial class TransformersSamNames
{
    private static readonly (string Theirs, string Metas)[] s_parts =
    [
        ("vision_encoder.", "image_encoder."),
        ("image_encoder.layers.", "image_encoder.blocks."),
        ("patch_embed.projection.", "patch_embed.proj."),
        ("neck.conv1.", "neck.0."),
        ("neck.layer_norm1.", "neck.1."),
        ("neck.conv2.", "neck.2."),
        ("neck.layer_norm2.", "neck.3."),
        ("mask_embed.conv1.", "mask_downscaling.0."),
        ("mask_embed.layer_norm1.", "mask_downscaling.1."),
        ("mask_embed.conv2.", "mask_downscaling.3."),
        ("mask_embed.layer_norm2.", "mask_downscaling.4."),
        ("mask_embed.conv3.", "mask_downscaling.6."),
        (".point_embed.", ".point_embeddings."),
        ("upscale_conv1.", "output_upscaling.0."),
        ("upscale_layer_norm.", "output_upscaling.1."),
        ("upscale_conv2.", "output_upscaling.3."),
        (".layer_norm_final_attn.", ".norm_final_attn."),
        (".layer_norm", ".norm"),
        (".proj_out.", ".layers.2."),
    ];

    /// <summary>Meta's name.</summary>
    public static string ToMeta(string name)
    {
        // One matrix under two names, of which a save may hold either: it is tied.
        if (name.EndsWith("positional_embedding", StringComparison.Ordinal))
        {
            return "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";
        }

        // Their perceptrons begin with proj_in: what they call layer 0 is the second.
        name = SecondLayer().Replace(name, "$1.layers.1.").Replace(".proj_in.", ".layers.0.", StringComparison.Ordinal);
        foreach ((string theirs, string metas) in s_parts)
        {
            name = name.Replace(theirs, metas, StringComparison.Ordinal);
        }

        return name;
    }

    [GeneratedRegex(@"(output_hypernetworks_mlps\.\d+|iou_prediction_head)\.layers\.0\.",
        RegexOptions.CultureInvariant)]
    private static partial Regex SecondLayer();
}
