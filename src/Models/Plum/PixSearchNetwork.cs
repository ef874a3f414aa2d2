using PixSearch.Models.Weights;

namespace PixSearch.Models.Plum;

/// <summary>
/// The modules of PixSearch (arXiv 2601.19060) on PLUM, under PLUM's tensor names: CLIP and a projector feed the
/// language model;
/// the tagger finds spans; each span's query prompts SAM, with feedback from the earlier masks. The trainer calls the
/// modules;
/// <see cref="PixSearchConfig"/> has the sizes.
/// </summary>
public sealed class PixSearchNetwork : LlavaSamNetwork
{
    /// <summary>A network whose weights come from the store's source.</summary>
    public PixSearchNetwork(WeightStore weights, PixSearchConfig config)
        : base(weights, config.Validate())
    {
        Config = config;
        Tagger = new SpanTagger(weights.Root, config.TextConfig.HiddenSize, config.BioHeads, config.BioFeedForward);
        Pooler = new MaskPooler(weights.Root["mask_pooler"], config.SamConfig, config.PoolerHeads, Prompts);
        Feedback = new MaskFeedback(Prompts, Masks, Pooler);
    }

    /// <summary>The sizes.</summary>
    public PixSearchConfig Config { get; }

    /// <summary>The span tagger.</summary>
    public SpanTagger Tagger { get; }

    /// <summary>Feedback of earlier masks.</summary>
    public MaskPooler Pooler { get; }

    /// <summary>Mask decoding in text order with the feedback.</summary>
    public MaskFeedback Feedback { get; }
}
