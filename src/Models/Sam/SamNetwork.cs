using PixSearch.Models.Weights;

namespace PixSearch.Models.Sam;

/// <summary>
/// The modules of a SAM by itself (Kirillov et al. 2023), under the names that LISA gives them:
/// <c>model.visual_model.{image_encoder, prompt_encoder, mask_decoder}</c>.
/// </summary>
public sealed class SamNetwork
{
    /// <summary>A network whose weights come from the store's source.</summary>
    public SamNetwork(WeightStore weights, SamConfig config)
    {
        Config = config.Validate();
        WeightScope sam = weights.Root["model"]["visual_model"];
        Encoder = new SamImageEncoder(sam["image_encoder"], config);
        Prompts = new SamPromptEncoder(sam["prompt_encoder"], config);
        Masks = new SamMaskDecoder(sam["mask_decoder"], config);
    }

    /// <summary>The sizes.</summary>
    public SamConfig Config { get; }

    /// <summary>From pictures to features.</summary>
    public SamImageEncoder Encoder { get; }

    /// <summary>From points, boxes and masks to prompts.</summary>
    public SamPromptEncoder Prompts { get; }

    /// <summary>From features and prompts to masks.</summary>
    public SamMaskDecoder Masks { get; }
}
