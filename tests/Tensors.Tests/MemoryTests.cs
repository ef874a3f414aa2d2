namespace PixSearch.Tensors.Tests;

public sealed class MemoryTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(1000)]
    [InlineData(3_000_000)]
    public unsafe void Empty_AnySize_IsAlignedAndReturned(int count)
    {
        using var backend = new CpuBackend();
        Tensor tensor = backend.Empty(new Shape(count));
        fixed (float* p = tensor.Span)
        {
            Assert.Equal(0u, (nuint)p % 64);
        }

        Assert.Equal(1, backend.Memory.OutstandingCount);
        Assert.True(backend.Memory.OutstandingBytes >= count * sizeof(float));
        tensor.Dispose();
        Assert.Equal(0, backend.Memory.OutstandingCount);
        Assert.Equal(0, backend.Memory.OutstandingBytes);
    }

    [Fact]
    public unsafe void Rent_SameSizeAgain_ReusesTheBuffer()
    {
        using var backend = new CpuBackend();
        nuint first = Address(backend);
        Assert.Equal(first, Address(backend));

        static nuint Address(CpuBackend backend)
        {
            using Tensor tensor = backend.Empty(new Shape(5000));
            fixed (float* p = tensor.Span)
            {
                return (nuint)p;
            }
        }
    }

    /// <summary>
    /// Buffers cut from one chunk of huge pages, small ones and large ones between them: none touches another, those
    /// that outlive the pool's owner stay whole, and all are counted back.
    /// </summary>
    [Fact]
    public unsafe void Rent_ManySizes_BuffersAreApart()
    {
        int[] bytes = [100, 64 << 10, 96 << 10, 1 << 20, 3 << 20, 8 << 20, 9 << 20];
        var random = new Random(7); // tidy: a fixed seed
        var pool = new NativePool(long.MaxValue, idleBytesMax: 4 << 20);
        var held = new List<NativeStorage>();
        for (int round = 0; round < 300; round++)
        {
            if (held.Count < 12 || random.Next(2) == 0)
            {
                NativeStorage storage = pool.Rent(bytes[random.Next(bytes.Length)] / sizeof(float));
                Assert.Equal(0u, (nuint)storage.Pointer % 64);
                storage.HostSpan.Fill(round);
                held.Add(storage);
                continue;
            }

            int index = random.Next(held.Count);
            AssertWhole(held[index]);
            held[index].Release();
            held.RemoveAt(index);
        }

        pool.Dispose();
        foreach (NativeStorage storage in held)
        {
            AssertWhole(storage);
            storage.Release();
        }

        Assert.Equal(0, pool.OutstandingCount);
        Assert.Equal(0, pool.OutstandingBytes);
        Assert.Equal(0, pool.IdleBytes);

        static void AssertWhole(NativeStorage storage) =>
            Assert.Equal(-1, storage.HostSpan.IndexOfAnyExcept(storage.HostSpan[0]));
    }

    [Fact]
    public void DecodeStep_Steady_AllocatesOnlyTensorObjects()
    {
        using var backend = new CpuBackend();
        using Weight weight = new TestNumbers(1).Weight(backend, 64, 64);
        using Weight scale = new TestNumbers(1).Weight(backend, 64);
        using Tensor x = new TestNumbers(2).Tensor(backend, 1, 64);
        for (int i = 0; i < 200; i++)
        {
            Step();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            Step();
        }

        // Five tensors (three of them views of a norm's scale) and a scope a step, all below 128 bytes.
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 100, 1, 6 * 128);

        void Step()
        {
            using var scope = new TensorScope();
            Tensor normal = backend.RmsNorm(x, scale, 1e-5f);
            backend.Add(x, backend.Linear(normal, weight));
        }
    }

    [Fact]
    public void Constructor_UnknownKernels_ListsThoseOfTheMachine() => Assert.Contains("scalar",
        Assert.Throws<ArgumentException>(() => new CpuBackend("avx9000")).Message, StringComparison.Ordinal);
}
