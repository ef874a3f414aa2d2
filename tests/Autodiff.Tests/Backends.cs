using PixSearch.Tensors;

namespace PixSearch.Autodiff.Tests;

/// <summary>The backends that every gradient test runs on.</summary>
internal static class Backends
{
    public static IReadOnlyList<string> Names { get; } = ["reference"];

    public static IGradientBackend Create(string name) => name switch
    {
        "reference" => new ReferenceBackend(),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such backend."),
    };
}
