using PixSearch.Models.Sam;
using PixSearch.Models.Text;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Plum;

/// <summary>
/// The modules that PixSearch (PLUM), LISA and GLaMM share, under LISA's tensor names: CLIP and a projector feed the
/// language model; a head makes prompts for SAM of its hidden states. For LISA and GLaMM this is all.
/// </summary>
public class LlavaSamNetwork
{
    /// <summary>A network whose weights come from the store's source; the configuration was validated.</summary>
    public LlavaSamNetwork(WeightStore weights, LlavaSamConfig config)
    {
        Sizes = config;
        WeightScope root = weights.Root;
        WeightScope model = root["model"];
        int hidden = config.TextConfig.HiddenSize;
        VisionState = ClipVision.StateIndex(config.MmVisionSelectLayer, config.VisionConfig.NumHiddenLayers);
        Text = new Llama(root, config.TextConfig);
        Vision = new ClipVision(model["vision_tower"]["vision_tower"]["vision_model"], config.VisionConfig,
            VisionState);
        Projector = Projector.Create(model["mm_projector"], config.MmProjectorType, config.VisionConfig.HiddenSize,
            hidden);
        WeightScope sam = model["visual_model"];
        SamEncoder = new SamImageEncoder(sam["image_encoder"], config.SamConfig);
        Prompts = new SamPromptEncoder(sam["prompt_encoder"], config.SamConfig);
        Masks = new SamMaskDecoder(sam["mask_decoder"], config.SamConfig);
        Queries = new SpanQueryHead(model["text_hidden_fcs"][0], hidden, config.SamConfig.OutChans);
    }

    /// <summary>The sizes.</summary>
    public LlavaSamConfig Sizes { get; }

    /// <summary>The language model.</summary>
    public Llama Text { get; }

    /// <summary>The vision transformer before the language model.</summary>
    public ClipVision Vision { get; }

    /// <summary>Index of the vision transformer's hidden state that is used.</summary>
    public int VisionState { get; }

    /// <summary>From the vision transformer to the language model.</summary>
    public Projector Projector { get; }

    /// <summary>SAM's image encoder.</summary>
    public SamImageEncoder SamEncoder { get; }

    /// <summary>SAM's prompt encoder.</summary>
    public SamPromptEncoder Prompts { get; }

    /// <summary>SAM's mask decoder.</summary>
    public SamMaskDecoder Masks { get; }

    /// <summary>Hidden states to mask prompts.</summary>
    public SpanQueryHead Queries { get; }

    /// <summary>Slots that a picture takes in the language model.</summary>
    public int PictureSlots => Sizes.VisionConfig.Grid * Sizes.VisionConfig.Grid;

    /// <summary>
    /// Pictures as rows of the language model. Shapes: pixels [batch, 3, side, side], result [batch, slots, hidden].
    /// </summary>
    public Tensor EncodeForText(IBackend backend, Tensor pixels)
    {
        using var scope = new TensorScope();
        return scope.Keep(Projector.Forward(backend, Vision.Patches(backend, pixels, VisionState)));
    }

    /// <summary>
    /// Pictures as features for masks. Shapes: pixels [batch, 3, side, side], result [batch, outChans, grid, grid].
    /// </summary>
    public Tensor EncodeForMasks(IBackend backend, Tensor pixels) => SamEncoder.Forward(backend, pixels);
}
