using PixSearch.Models.Plum;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>PixSearch (arXiv 2601.19060) and PLUM as the engine uses them: the tagger says which phrases own
/// masks.</summary>
public sealed class PixSearchModel : LlavaSamModel
{
    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    public PixSearchModel(IBackend backend, WeightStore weights, PixSearchNetwork network, ITokenizer tokenizer)
        : base(backend, weights, network, tokenizer) => Network = network;

    /// <inheritdoc/>
    public override ModelFamily Family => ModelFamily.PixSearch;

    /// <summary>The modules, for training and for tests.</summary>
    public PixSearchNetwork Network { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden)
    {
        if (hidden.Size(0) == 0)
        {
            return [];
        }

        using var scope = new TensorScope();
        Tensor batched = Backend.Reshape(hidden, new Shape(1, hidden.Size(0), hidden.Size(1)));
        return SpanRule.Spans(Backend.ArgMax(Network.Tagger.Forward(Backend, batched)));
    }

    private protected override Tensor DecodeLowResolution(Tensor features, IReadOnlyList<Grounding> groundings,
        Tensor hidden)
    {
        Tensor queries = Network.Queries.ForwardSpans(Backend, hidden, groundings);
        MaskRow[] rows = new MaskRow[groundings.Count]; // one picture, one answer
        Tensor masks = Network.Feedback.Decode(Backend, features, queries, rows);
        return Network.Config.MaskRefinement ? MaskRefinement.Refine(Backend, Network, features, masks) : masks;
    }
}
