using PixSearch.Abstractions;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;
using PixSearch.Training.Nano;

namespace PixSearch.Training.Tests.Nano;

/// <summary>A decoder that has learned nothing yet continues what it has seen before.</summary>
public sealed class CopyingStartTests
{
    private const int Period = 12;

    private static readonly LlamaConfig s_config = new()
    {
        HiddenSize = 128,
        NumHiddenLayers = 3,
        NumAttentionHeads = 8,
        IntermediateSize = 64,
        VocabSize = 200,
        MaxPositionEmbeddings = 256,
        RopeTheta = 1_000_000,
        TieWordEmbeddings = true,
        AttentionBias = true,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Install_RepeatedRandomTokens_AreContinued(int seed)
    {
        double without = Copied(seed, install: false);
        double with = Copied(seed, install: true);
        Assert.True(without <= 0.1, $"seed {seed}: a random decoder copies {without:P0}");
        Assert.True(with >= 0.3, $"seed {seed}: with the start {with:P0} are copied");
    }

    [Fact]
    public void Install_ConfigurationWithoutBiases_IsRefused()
    {
        using var backend = new CpuBackend();
        using var weights = new WeightStore(new RandomWeights(backend, 1));
        LlamaConfig config = s_config with { AttentionBias = false };
        _ = new Llama(weights.Root, config);
        var error = Assert.Throws<PixException>(() => CopyingStart.Install(weights, config, 1));
        Assert.Contains("attention_bias", error.Message, StringComparison.Ordinal);
    }

    // Share of tokens of the third round that come next by score, the token itself left out: a table that is the output
    // layer too answers with what it is asked, until it is trained.
    private static double Copied(int seed, bool install)
    {
        using var backend = new CpuBackend();
        using var weights = new WeightStore(new RandomWeights(backend, (ulong)seed));
        var model = new Llama(weights.Root, s_config);
        if (install)
        {
            CopyingStart.Install(weights, s_config, (ulong)seed);
        }

        using var scope = new TensorScope();
        var random = new SeededRandom((ulong)seed + 100);
        int[] once = [.. Enumerable.Range(0, Period).Select(_ => random.NextInt(s_config.VocabSize))];
        int[] tokens = [.. once, .. once, .. once];
        Tensor x = backend.Reshape(model.Embed(backend, tokens), new Shape(1, tokens.Length, s_config.HiddenSize));
        Tensor hidden = model.ForwardSequence(backend, x, AttentionMask.CausalOnly);
        Tensor logits = model.Logits(backend, backend.Reshape(hidden, new Shape(tokens.Length, s_config.HiddenSize)));
        int right = 0;
        for (int i = 2 * Period; i < tokens.Length - 1; i++)
        {
            float[] scores = logits.Span.Slice(i * s_config.VocabSize, s_config.VocabSize).ToArray();
            scores[tokens[i]] = float.MinValue;
            right += Array.IndexOf(scores, scores.Max()) == tokens[i + 1] ? 1 : 0;
        }

        return (double)right / (Period - 1);
    }
}
