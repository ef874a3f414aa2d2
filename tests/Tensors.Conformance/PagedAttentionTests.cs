namespace PixSearch.Tensors.Conformance;

public sealed class PagedAttentionTests
{
    private const int PageSize = 4;

    /// <summary>
    /// Three sequences in one batch: a single decoding row, three rows behind a prefix (evidence), and a prompt whose
    /// positions [1, 6) see each other. Each must equal plain attention over its own keys.
    /// </summary>
    [ConformanceTheory]
    [InlineData(2, 2, 8)]
    [InlineData(4, 2, 32)]
    [InlineData(3, 1, 20)]
    [InlineData(2, 1, 64)]
    [InlineData(2, 2, 96)]
    public void PagedAttention_MixedBatch_EqualsFullAttention(int heads, int kvHeads, int size)
    {
        Check(heads, kvHeads, size, KvType.F32);
        Check(heads, kvHeads, size, KvType.BF16);
    }

    [ConformanceFact]
    public void KvStore_HalfNumbersOfAnOddHead_SaysSo()
    {
        using IBackend backend = BackendsUnderTest.Create(BackendsUnderTest.Names[0]);
        Assert.Contains("not 5", Assert.Throws<ArgumentException>(() =>
            new KvStore(backend, 1, 2, PageSize, 1, 5, KvType.BF16)).Message, StringComparison.Ordinal);
        Assert.Equal(0, BackendsUnderTest.Outstanding(backend));
    }

    private static void Check(int heads, int kvHeads, int size, KvType type)
    {
        (int Start, int Count, int FullStart, int FullEnd)[] sequences = [(21, 1, 0, 0), (9, 3, 0, 0), (0, 37, 1, 6)];
        foreach (string name in BackendsUnderTest.Names.Append("reference"))
        {
            using IBackend backend = name == "reference" ? new ReferenceBackend() : BackendsUnderTest.Create(name);
            using (new TensorScope())
            {
                Check(backend, new TestNumbers(77), sequences, heads, kvHeads, size, type);
            }

            Assert.Equal(0, BackendsUnderTest.Outstanding(backend));
        }
    }

    [ConformanceFact]
    public void PagedAttention_WrongPages_SaysWhich()
    {
        using IBackend backend = BackendsUnderTest.Create(BackendsUnderTest.Names[0]);
        using var scope = new TensorScope();
        using var store = new KvStore(backend, 1, 2, PageSize, 1, 4);
        Tensor q = backend.Zeros(new Shape(1, 1, 4));
        var outside = new PagedBatch { Sequences = [new PagedSequence(new[] { 5 }, 0, 1, 0)] };
        var tooFew = new PagedBatch { Sequences = [new PagedSequence(new[] { 1 }, 0, 1, 4)] };
        Assert.Contains("page 5",
            Assert.Throws<ArgumentException>(() => backend.PagedAttention(q, store, 0, outside, 1)).Message,
            StringComparison.Ordinal);
        Assert.Contains("positions [4, 5)",
            Assert.Throws<ArgumentException>(() => backend.AppendKv(store, 0, q, q, tooFew)).Message,
            StringComparison.Ordinal);
        Assert.Contains("layer 1",
            Assert.Throws<ArgumentException>(() => backend.PagedAttention(q, store, 1, outside, 1)).Message,
            StringComparison.Ordinal);
    }

    private static void Check(IBackend backend, TestNumbers numbers,
        (int Start, int Count, int FullStart, int FullEnd)[] sequences, int heads, int kvHeads, int size, KvType type)
    {
        using var store = new KvStore(backend, 2, 30, PageSize, kvHeads, size, type);
        var plans = new List<PagedSequence>();
        var expected = new List<float>();
        var queries = new List<Tensor>();
        int row = 0;
        int page = 29;
        foreach ((int start, int count, int fullStart, int fullEnd) in sequences)
        {
            int end = start + count;

            // Pages in falling order: nothing may depend on their being neighbours.
            int[] pages = [.. Enumerable.Range(0, (end + PageSize - 1) / PageSize).Select(_ => page--)];
            Tensor k = numbers.Tensor(backend, 1, end, kvHeads, size);
            Tensor v = numbers.Tensor(backend, 1, end, kvHeads, size);
            Tensor storedK = type == KvType.F32 ? k : Rounded(backend, k);
            Tensor storedV = type == KvType.F32 ? v : Rounded(backend, v);
            Tensor q = backend.Affine(numbers.Tensor(backend, 1, count, heads, size), 2);
            var mask = new AttentionMask { Causal = true, FullStart = fullStart, FullEnd = fullEnd };
            expected.AddRange(Conformance.Numbers(backend, backend.Attention(q, storedK, storedV, mask, 0.3f)));
            var all = new PagedBatch { Sequences = [new PagedSequence(pages, 0, end, 0)] };
            var flat = new Shape(end, kvHeads, size);
            backend.AppendKv(store, 1, backend.Reshape(k, flat), backend.Reshape(v, flat), all);
            queries.Add(backend.Reshape(q, new Shape(count, heads, size)));
            plans.Add(new PagedSequence(pages, row, count, start, fullStart, fullEnd));
            row += count;
        }

        var batch = new PagedBatch { Sequences = plans };
        float[] actual = Conformance.Numbers(backend,
            backend.PagedAttention(backend.Concat(0, [.. queries]), store, 1, batch, 0.3f));
        for (int i = 0; i < expected.Count; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) < 2e-6f, $"{backend.Name}: element {i}");
        }
    }

    // What pages of BF16 hold: the nearest number whose lower 16 bits are zero, ties to even.
    private static Tensor Rounded(IBackend backend, Tensor x)
    {
        float[] numbers = Conformance.Numbers(backend, x);
        foreach (ref float number in numbers.AsSpan())
        {
            number = BFloat16.Widen(BFloat16.Round(number));
        }

        return backend.From(numbers, x.Shape);
    }
}
