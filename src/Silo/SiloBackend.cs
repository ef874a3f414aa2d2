using PixSearch.Abstractions;
using PixSearch.Tensors;
using PixSearch.Torch;

namespace PixSearch.Silo;

/// <summary>Makes the backend that a silo is told to compute on.</summary>
internal static class SiloBackend
{
    private const string Cpu = "cpu";

    /// <summary>A backend by the name in <c>PIXSEARCH__BACKEND</c>; its caller disposes it.</summary>
    /// <exception cref="PixException">The name is unknown, or libtorch or its device is missing.</exception>
    public static IBackend Create(string name)
    {
        if (name == Cpu)
        {
            return CpuBackend.Create();
        }

        return TorchDevice.IsTorch(name)
            ? new TorchBackend(TorchDevice.Parse(name))
            : throw new PixException(PixErrorKind.InvalidArgument,
                $"PIXSEARCH__BACKEND is '{name}'; it may be cpu, torch:cpu, torch:cuda or torch:cuda:N.");
    }
}
