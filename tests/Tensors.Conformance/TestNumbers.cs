namespace PixSearch.Tensors.Conformance;

/// <summary>
/// Reproducible numbers: SplitMix64 (Steele, Lea, Flood 2014), so that a failing case can be rebuilt from its seed.
/// </summary>
internal sealed class TestNumbers(ulong seed)
{
    private ulong _state = seed;

    public float Next()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 40) / 8388608f - 1f;
    }

    public Tensor Tensor(IBackend backend, params ReadOnlySpan<int> sizes)
    {
        var shape = new Shape(sizes);
        float[] numbers = new float[shape.Count];
        foreach (ref float x in numbers.AsSpan())
        {
            x = Next();
        }

        return backend.From(numbers, shape);
    }

    public Weight Weight(IBackend backend, params ReadOnlySpan<int> sizes) => new("w", Tensor(backend, sizes));
}
