using PixSearch.Models.Plum;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// LISA and GLaMM as the engine uses them: every <c>[SEG]</c> owns a mask, prompted by the hidden state at the token
/// before it.
/// </summary>
public sealed class LisaModel : LlavaSamModel
{
    private readonly LlavaSamNetwork _network;
    private readonly int _segment;

    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    public LisaModel(IBackend backend, WeightStore weights, LlavaSamNetwork network, ITokenizer tokenizer)
        : base(backend, weights, network, tokenizer, SegmentToken)
    {
        (_network, _segment) = (network, tokenizer.IdOf(SegmentToken));
    }

    /// <summary>The token that owns a mask.</summary>
    public const string SegmentToken = "[SEG]";

    /// <inheritdoc/>
    public override ModelFamily Family => ModelFamily.Lisa;

    /// <inheritdoc/>
    public override IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden)
    {
        var groundings = new List<Grounding>();
        for (int i = 1; i < slots.Length; i++)
        {
            if (slots[i] == _segment && i - 1 < hidden.Size(0))
            {
                groundings.Add(new Grounding(i, i + 1));
            }
        }

        return groundings;
    }

    private protected override Tensor DecodeLowResolution(Tensor features, IReadOnlyList<Grounding> groundings,
        Tensor hidden)
    {
        int[] before = [.. groundings.Select(grounding => grounding.Start - 1)];
        Tensor queries = _network.Queries.Forward(Backend, Backend.Gather(hidden, before));
        Tensor sparse = Backend.Reshape(queries, new Shape(before.Length, 1, queries.Size(1)));
        Tensor masks = _network.Masks.Forward(Backend, features, new int[before.Length],
            _network.Prompts.DensePositions(Backend), sparse, _network.Prompts.NoMask(Backend)).Masks;
        return Backend.Reshape(masks, new Shape(before.Length, masks.Size(2), masks.Size(3)));
    }
}
