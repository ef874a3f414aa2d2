using System.Globalization;
using PixSearch.Abstractions;

namespace PixSearch.Torch;

/// <summary>Where a <see cref="TorchBackend"/> computes.</summary>
/// <param name="IsCuda">A CUDA device; else the CPU.</param>
/// <param name="Index">Number of the CUDA device.</param>
public readonly record struct TorchDevice(bool IsCuda, int Index)
{
    private const string Prefix = "torch";

    /// <summary>Whether the name of a backend means TorchSharp.</summary>
    public static bool IsTorch(string backend) =>
        backend == Prefix || backend.StartsWith(Prefix + ":", StringComparison.Ordinal);

    /// <summary>Reads <c>torch</c>, <c>torch:cpu</c>, <c>torch:cuda</c> or <c>torch:cuda:N</c>.</summary>
    /// <exception cref="PixException">Anything else.</exception>
    public static TorchDevice Parse(string backend)
    {
        string[] parts = backend.Split(':');
        return parts switch
        {
            [Prefix] or [Prefix, "cpu"] => new TorchDevice(false, 0),
            [Prefix, "cuda"] => new TorchDevice(true, 0),
            [Prefix, "cuda", var number] when byte.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture,
                out byte index) => new TorchDevice(true, index),
            _ => throw new PixException(PixErrorKind.InvalidArgument,
                $"Backend '{backend}' is not known; TorchSharp's are torch:cpu, torch:cuda and torch:cuda:N."),
        };
    }

    /// <summary>For example <c>torch:cuda:0</c>.</summary>
    public override string ToString() => IsCuda
        ? string.Create(CultureInfo.InvariantCulture, $"{Prefix}:cuda:{Index}")
        : $"{Prefix}:cpu";
}
