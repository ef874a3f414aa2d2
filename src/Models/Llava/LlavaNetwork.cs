using PixSearch.Models.Text;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Llava;

/// <summary>LLaVA (Liu et al. 2023) under its authors' names: CLIP and a projector feed the language model.</summary>
public sealed class LlavaNetwork
{
    private readonly int _state;

    /// <summary>A network whose weights come from the store's source.</summary>
    public LlavaNetwork(WeightStore weights, LlavaConfig config)
    {
        Config = config.Validate();
        WeightScope model = weights.Root["model"];
        _state = ClipVision.StateIndex(config.MmVisionSelectLayer, config.VisionConfig.NumHiddenLayers);
        Text = new Llama(weights.Root, config.TextConfig);
        Vision = new ClipVision(model["vision_tower"]["vision_tower"]["vision_model"], config.VisionConfig, _state);
        Projector = Projector.Create(model["mm_projector"], config.MmProjectorType, config.VisionConfig.HiddenSize,
            config.TextConfig.HiddenSize);
    }

    /// <summary>The sizes.</summary>
    public LlavaConfig Config { get; }

    /// <summary>The language model.</summary>
    public Llama Text { get; }

    /// <summary>The vision transformer.</summary>
    public ClipVision Vision { get; }

    /// <summary>From the vision transformer to the language model.</summary>
    public Projector Projector { get; }

    /// <summary>Slots that a picture takes in the language model.</summary>
    public int PictureSlots => Config.VisionConfig.Grid * Config.VisionConfig.Grid;

    /// <summary>Shapes: pixels [1, 3, side, side], result [slots, hidden].</summary>
    public Tensor Encode(IBackend backend, Tensor pixels)
    {
        using var scope = new TensorScope();
        Tensor rows = Projector.Forward(backend, Vision.Patches(backend, pixels, _state));
        return scope.Keep(backend.Reshape(rows, new Shape(rows.Size(1), rows.Size(2))));
    }
}
