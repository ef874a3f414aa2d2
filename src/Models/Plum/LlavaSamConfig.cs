using PixSearch.Models.Sam;
using PixSearch.Models.Text;
using PixSearch.Models.Vision;

namespace PixSearch.Models.Plum;

/// <summary>Sizes that the families on LLaVA and SAM share: PixSearch (PLUM), LISA, GLaMM.</summary>
public abstract record LlavaSamConfig
{
    /// <summary>Name for users.</summary>
    public string Name { get; init; } = "";

    /// <summary>The language model.</summary>
    public required LlamaConfig TextConfig { get; init; }

    /// <summary>The vision transformer that feeds the language model.</summary>
    public required ClipVisionConfig VisionConfig { get; init; }

    /// <summary>SAM.</summary>
    public required SamConfig SamConfig { get; init; }

    /// <summary><c>linear</c> or <c>mlp2x_gelu</c>.</summary>
    public string MmProjectorType { get; init; } = "linear";

    /// <summary>Hidden state of the vision transformer that is used; -1 is the last.</summary>
    public int MmVisionSelectLayer { get; init; } = -2;

    /// <summary>
    /// How a picture becomes square: <c>pad</c> (with the mean colour, LLaVA-1.5) or <c>crop</c> (shortest side, then
    /// the middle: CLIP, LLaVA-1.0, LISA, GLaMM, PLUM).
    /// </summary>
    public string ImageAspectRatio { get; init; } = "crop";

    /// <summary>Text before <c>USER:</c>; empty for none.</summary>
    public string SystemPrompt { get; init; } = "";

    /// <summary>What stands before the question: the place of the picture, <c>&lt;image&gt;</c>, and text.</summary>
    public string PictureTemplate { get; init; } = Families.PixSearchPrompt.PicturePlace + "\n";

    private protected void ValidateParts()
    {
        if (PictureTemplate.Split(Families.PixSearchPrompt.PicturePlace).Length != 2)
        {
            throw Config.Broken($"picture_template is '{PictureTemplate}'; it must hold " +
                $"{Families.PixSearchPrompt.PicturePlace} once");
        }

        if (ImageAspectRatio is not ("pad" or "crop"))
        {
            throw Config.Broken($"image_aspect_ratio is '{ImageAspectRatio}'; known are pad and crop");
        }

        TextConfig.Validate();
        VisionConfig.Validate();
        SamConfig.Validate();
        int state = ClipVision.StateIndex(MmVisionSelectLayer, VisionConfig.NumHiddenLayers);
        if (state < 0 || state > VisionConfig.NumHiddenLayers)
        {
            throw Config.Broken($"mm_vision_select_layer is {MmVisionSelectLayer}; the vision transformer has " +
                $"{VisionConfig.NumHiddenLayers} layers");
        }
    }
}
