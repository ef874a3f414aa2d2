using PixSearch.Tensors;

namespace PixSearch.Autodiff.Tests;

/// <summary>The backends that every gradient test runs on: the reference, and each kernel set of this
/// machine.</summary>
internal static class Backends
{
    public static IReadOnlyList<string> Names { get; } = ["reference", .. CpuBackend.KernelNames];

    public static IGradientBackend Create(string name) => name == "reference"
        ? new ReferenceBackend() : new CpuBackend(name);
}
