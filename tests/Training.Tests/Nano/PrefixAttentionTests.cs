using PixSearch.Abstractions;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;
using PixSearch.Training.Nano;

namespace PixSearch.Training.Tests.Nano;

/// <summary>Sharing a prefix among questions must change nothing but the time.</summary>
public sealed class PrefixAttentionTests
{
    [Fact]
    public void ContinuedAttention_QuestionsOfTwoPictures_EqualsWholeSequences()
    {
        using var backend = new ReferenceBackend();
        using var weights = new WeightStore(new RandomWeights(backend, 4));
        var model = new Llama(weights.Root, TinyWorld.TinyConfig(40).TextConfig);
        using var scope = new TensorScope();
        var random = new SeededRandom(2);
        Tensor prefix = Random(backend, random, 2, 5, 32);
        Tensor questions = Random(backend, random, 3, 4, 32);
        int[] pictureOfRow = [1, 0, 1];

        Tensor whole = backend.Concat(1, backend.Gather(prefix, pictureOfRow), questions);
        Tensor expected = backend.Slice(model.ForwardSequence(backend, whole, AttentionMask.CausalOnly), 1, 5, 4);

        using var shared = new PrefixAttention(model.Rotary(backend, 0, 5));
        _ = model.Forward(backend, prefix, shared);
        var continued = new ContinuedAttention(model.Rotary(backend, 5, 4), shared, pictureOfRow);
        Tensor actual = model.Forward(backend, questions, continued);
        for (int i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected.Span[i], actual.Span[i], 1e-5f);
        }
    }

    private static Tensor Random(IBackend backend, SeededRandom random, params int[] sizes)
    {
        var shape = new Shape(sizes);
        return backend.From([.. Enumerable.Range(0, shape.Count).Select(_ => (float)random.NextGaussian())], shape);
    }
}
