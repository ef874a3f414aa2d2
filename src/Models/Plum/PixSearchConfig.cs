using PixSearch.Models.Sam;
using PixSearch.Models.Text;
using PixSearch.Models.Vision;

namespace PixSearch.Models.Plum;

/// <summary>All sizes of a PixSearch (PLUM) model: what <c>config.json</c> of the project's own layout holds.</summary>
public sealed record PixSearchConfig : LlavaSamConfig
{
    /// <summary>The value of <c>model_type</c> in the project's layout.</summary>
    public const string Type = "pixsearch";

    /// <summary>Always <see cref="Type"/>.</summary>
    public string ModelType { get; init; } = Type;

    /// <summary>Heads of the span tagger's encoder.</summary>
    public int BioHeads { get; init; } = 8;

    /// <summary>Width of the span tagger's feed-forward layer.</summary>
    public int BioFeedForward { get; init; } = 2048;

    /// <summary>Heads of the mask pooler.</summary>
    public int PoolerHeads { get; init; } = 8;

    /// <summary>
    /// Whether a span's mask is decoded once more from a point in its middle (<see cref="MaskRefinement"/>). Not in the
    /// paper, and off unless a configuration asks for it.
    /// </summary>
    public bool MaskRefinement { get; init; }

    /// <summary>The configuration of pixsearch-nano; <paramref name="vocabularySize"/> is that of its
    /// tokenizer.</summary>
    public static PixSearchConfig Nano(int vocabularySize) => new()
    {
        Name = "pixsearch-nano",
        TextConfig = new LlamaConfig
        {
            HiddenSize = 256,
            NumHiddenLayers = 6,
            NumAttentionHeads = 8,
            NumKeyValueHeads = 8,
            IntermediateSize = 688,
            VocabSize = vocabularySize,
            MaxPositionEmbeddings = 1024,
            RopeTheta = 1_000_000,
            TieWordEmbeddings = true,
            AttentionBias = true,
        },
        VisionConfig = new ClipVisionConfig
        {
            ImageSize = 192,
            PatchSize = 24,
            HiddenSize = 192,
            NumHiddenLayers = 4,
            NumAttentionHeads = 6,
            IntermediateSize = 768,
        },
        SamConfig = new SamConfig
        {
            ImageSize = 256,
            PatchSize = 16,
            EmbedDim = 192,
            Depth = 6,
            NumHeads = 6,
            WindowSize = 8,
            GlobalAttnIndexes = [2, 5],
            OutChans = 128,
            DecoderHeads = 4,
            DecoderMlpDim = 512,
        },
        MmVisionSelectLayer = -1,
        ImageAspectRatio = "pad",
        BioFeedForward = 512,
    };

    /// <summary>Reads a configuration of the project's layout.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">It is not JSON, or a value is missing or out of
    /// range.</exception>
    public static PixSearchConfig Parse(string json) => ConfigJson.Parse<PixSearchConfig>(json).Validate();

    /// <summary>The configuration as <c>config.json</c>.</summary>
    public string ToJson() => ConfigJson.Write(this);

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public PixSearchConfig Validate()
    {
        ConfigJson.CheckType(ModelType, Type);
        ValidateParts();
        Config.AtLeast("bio_heads", BioHeads, 1);
        Config.AtLeast("bio_feed_forward", BioFeedForward, 1);
        Config.Divides("bio_heads", BioHeads, "hidden_size", TextConfig.HiddenSize);
        Config.AtLeast("pooler_heads", PoolerHeads, 1);
        Config.Divides("pooler_heads", PoolerHeads, "sam out_chans", SamConfig.OutChans);
        return this;
    }
}
