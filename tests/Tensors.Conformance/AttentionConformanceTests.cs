namespace PixSearch.Tensors.Conformance;

public sealed class AttentionConformanceTests
{
    [ConformanceTheory]
    [InlineData(1, 1, 1, 1, 1, 2)]
    [InlineData(2, 5, 5, 2, 2, 8)]
    [InlineData(1, 33, 33, 4, 2, 32)]
    [InlineData(2, 65, 65, 2, 1, 16)]
    [InlineData(1, 3, 40, 4, 4, 24)]
    [InlineData(1, 100, 17, 2, 2, 32)]
    [InlineData(1, 31, 129, 3, 3, 64)]
    [InlineData(9, 64, 64, 1, 1, 32)]
    [InlineData(700, 1, 1, 2, 2, 16)]   // few queries and keys: dot products instead of panels
    [InlineData(300, 1, 3, 4, 2, 17)]
    [InlineData(40, 3, 16, 2, 1, 40)]
    [InlineData(3, 7, 7, 3, 3, 6)]
    public void Attention_FullCausalAndPrefix_EqualReference(int batch, int queries, int keys, int heads, int kvHeads,
        int size)
    {
        AttentionMask[] masks =
        [
            AttentionMask.Full, AttentionMask.CausalOnly,
            new AttentionMask { Causal = true, FullStart = 2, FullEnd = Math.Min(12, keys) },
        ];
        foreach (AttentionMask mask in masks)
        {
            Conformance.Check($"Attention {mask}", (ulong)(queries * keys), (b, n) =>
                ForwardAndBackward(b, n, mask, batch, queries, keys, heads, kvHeads, size));
        }
    }

    [ConformanceTheory]
    [InlineData(2, 12, 3, 4, 2, 8)]
    [InlineData(1, 49, 7, 7, 2, 32)]
    [InlineData(5, 4, 2, 3, 2, 20)]
    [InlineData(5, 4, 1, 1, 2, 20)]
    [InlineData(1, 5, 16, 3, 1, 16)]
    public void Attention_RelativePositionBias_EqualsReference(int batch, int queries, int rows, int columns, int heads,
        int size) =>
        Conformance.Check("Attention bias", 21, (b, n) =>
        {
            var mask = new AttentionMask
            {
                BiasRows = n.Tensor(b, batch, heads, queries, rows),
                BiasColumns = n.Tensor(b, batch, heads, queries, columns),
            };
            return ForwardAndBackward(b, n, mask, batch, queries, rows * columns, heads, heads, size);
        });

    [ConformanceTheory]
    [InlineData(4)]
    [InlineData(40)]
    public void Attention_InvalidKeys_GetNoWeightAndNoneAtAllGivesZeros(int queries) =>
        Conformance.Check("Attention validity", 22, (b, n) =>
    {
        float[] valid = [1, 0, 1, 1, 0, 0, 0, 0, 0, 0];
        var mask = new AttentionMask { KeyValid = b.From(valid, new Shape(2, 5)) };
        IEnumerable<Tensor> results = ForwardAndBackward(b, n, mask, 2, queries, 5, 2, 2, 8);
        Assert.All(Conformance.Numbers(b, results.First())[(queries * 16)..], x => Assert.Equal(0, x));
        return results;
    });

    [ConformanceTheory]
    [InlineData(1, 7, 3, 6, 7)]
    [InlineData(2, 40, 8, 32, 40)]
    [InlineData(2, 5, 2, 64, 10)]
    public void Rotate_Tables_EqualReference(int batch, int tokens, int heads, int size, int tableRows) =>
        Conformance.Check("Rotate", 23, (b, n) =>
            [b.Rotate(n.Tensor(b, batch, tokens, heads, size), n.Tensor(b, tableRows, size),
            n.Tensor(b, tableRows, size))]);

    private static IEnumerable<Tensor> ForwardAndBackward(IGradientBackend b, TestNumbers n, AttentionMask mask,
        int batch, int queries, int keys, int heads, int kvHeads, int size)
    {
        Tensor q = b.Affine(n.Tensor(b, batch, queries, heads, size), 3);
        Tensor k = b.Affine(n.Tensor(b, batch, keys, kvHeads, size), 3);
        Tensor v = n.Tensor(b, batch, keys, kvHeads, size);
        float scale = 1 / MathF.Sqrt(size);
        Tensor y = b.Attention(q, k, v, mask, scale);
        AttentionGradients gradients =
            b.AttentionBackward(q, k, v, mask, scale, y, n.Tensor(b, batch, queries, heads, size));
        Tensor[] all = [y, gradients.Q, gradients.K, gradients.V];
        return mask.BiasRows is null ? all : [.. all, gradients.BiasRows!, gradients.BiasColumns!];
    }
}
