namespace PixSearch.Tensors.Conformance;

/// <summary>A test that needs the backends under test; skipped, with the reason, where they cannot run.</summary>
internal sealed class ConformanceFactAttribute : FactAttribute
{
    public ConformanceFactAttribute() => Skip = BackendsUnderTest.Missing;
}

/// <summary>A test over data that needs the backends under test.</summary>
internal sealed class ConformanceTheoryAttribute : TheoryAttribute
{
    public ConformanceTheoryAttribute() => Skip = BackendsUnderTest.Missing;
}
