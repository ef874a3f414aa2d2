namespace PixSearch.Tensors.Tests;

public sealed class DeterminismTests
{
    /// <summary>The same bits with one, two and five threads, for ops whose sums cross tasks.</summary>
    [Fact]
    public void Results_AnyNumberOfThreads_AreTheSameBits()
    {
        float[][]? expected = null;
        foreach (int threads in new[] { 1, 2, 5 })
        {
            using var pool = new WorkerPool(threads);
            using var backend = new CpuBackend(null, pool);
            using var scope = new TensorScope();
            float[][] actual = [.. Results(backend, new TestNumbers(99)).Select(tensor => tensor.Span.ToArray())];
            expected ??= actual;
            Assert.Equal(expected.Length, actual.Length);
            for (int i = 0; i < expected.Length; i++)
            {
                Assert.True(expected[i].AsSpan().SequenceEqual(actual[i]), $"result {i} with {threads} threads");
            }
        }
    }

    [Fact]
    public void WorkerPool_ManyForks_RunsEveryTaskExactlyOnce()
    {
        using var pool = new WorkerPool(4);
        int[] counts = new int[37];
        for (int round = 0; round < 2000; round++)
        {
            unsafe
            {
                fixed (int* p = counts)
                {
                    pool.Run(new CountJob { Counts = p }, counts.Length);
                }
            }
        }

        Assert.All(counts, count => Assert.Equal(2000, count));
    }

    [Fact]
    public void SharedWork_TasksThatThrow_AllRunAndTheFirstFailureComesOut()
    {
        using var pool = new WorkerPool(3);
        int[] ran = new int[20];
        var failure = Assert.Throws<InvalidOperationException>(() => SharedWork.Run(pool, ran.Length, i =>
        {
            ran[i]++;
            if (i is 7 or 13)
            {
                throw new InvalidOperationException($"task {i}");
            }
        }));
        Assert.Equal("task 7", failure.Message);
        Assert.All(ran, count => Assert.Equal(1, count));
    }

    private static IEnumerable<Tensor> Results(CpuBackend b, TestNumbers n)
    {
        using Weight weight = n.Weight(b, 130, 700);
        using Weight scale = n.Weight(b, 700);
        Tensor x = n.Tensor(b, 300, 700);
        Tensor dy = n.Tensor(b, 300, 130);
        Tensor dWeight = b.Zeros(weight.Shape);
        Tensor dBias = b.Zeros(new Shape(130));
        Tensor dScale = b.Zeros(scale.Shape);
        b.LinearBackwardWeight(x, dy, dWeight, dBias);
        Tensor dx = b.LayerNormBackward(x, scale, 1e-5f, x, dScale, null);
        Tensor q = n.Tensor(b, 2, 130, 3, 32);
        using Weight filter = n.Weight(b, 40, 30, 3, 3);
        Tensor picture = n.Tensor(b, 3, 30, 20, 20);
        Tensor mapped = b.Conv2d(picture, filter, null, 1, 1);
        Tensor dFilter = b.Zeros(filter.Shape);
        Tensor dPicture = b.Conv2dBackward(picture, filter, 1, 1, 1, mapped, dFilter, null);
        Tensor spread = b.Conv2dBackward(picture, filter, 2, 1, 1, n.Tensor(b, 3, 40, 10, 10), null, null);
        AttentionGradients gradients = b.AttentionBackward(q, q, q, AttentionMask.CausalOnly, 0.2f, q, q);
        return [b.Linear(x, weight), dWeight, dBias, dx, dScale, gradients.Q, gradients.K, gradients.V,
            b.SumTo(x, new Shape(700)), mapped, dFilter, dPicture, spread, b.MatMul(x, dy, transposeA: true)];
    }

    private unsafe struct CountJob : IJob
    {
        public int* Counts;

        public readonly void Run(int index, int thread) => Interlocked.Increment(ref Counts[index]);
    }
}
