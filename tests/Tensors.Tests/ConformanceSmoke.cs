namespace PixSearch.Tensors.Tests;

public class Smoke
{
    [Fact]
    public void Gemm()
    {
        using var reference = new ReferenceBackend();
        foreach (string name in CpuBackend.KernelNames)
        {
            using var cpu = new CpuBackend(name);
            foreach (int m in new[] { 1, 2, 3, 5, 7, 11, 12, 13, 40, 200 })
            {
                foreach (int n in new[] { 1, 15, 16, 31, 32, 33, 65, 300 })
                {
                    foreach (int k in new[] { 1, 7, 64, 500 })
                    {
                        for (int t = 0; t < 4; t++)
                        {
                            bool ta = (t & 1) != 0, tb = (t & 2) != 0;
                            float[] a = new float[m * k], b = new float[k * n];
                            uint s = 1;
                            for (int i = 0; i < a.Length; i++) { s = s * 1664525 + 1013904223; a[i] = (s >> 8) / 16777216f - 0.5f; }
                            for (int i = 0; i < b.Length; i++) { s = s * 1664525 + 1013904223; b[i] = (s >> 8) / 16777216f - 0.5f; }
                            var sa = ta ? new Shape(k, m) : new Shape(m, k);
                            var sb = tb ? new Shape(n, k) : new Shape(k, n);
                            using Tensor x = reference.MatMul(reference.From(a, sa), reference.From(b, sb), ta, tb);
                            using Tensor y = cpu.MatMul(cpu.From(a, sa), cpu.From(b, sb), ta, tb);
                            for (int i = 0; i < x.Count; i++)
                            {
                                Assert.True(Math.Abs(x.Span[i] - y.Span[i]) < 1e-4, $"{name} {m} {n} {k} {ta} {tb} at {i}: {x.Span[i]} {y.Span[i]}");
                            }
                        }
                    }
                }
            }
        }
    }
}
