using PixSearch.Abstractions;

namespace PixSearch.Torch;

/// <summary>The native library behind TorchSharp, which is a package of its own and may be absent.</summary>
internal static class LibTorch
{
    private const string HowToInstall = "Build the host with PX_LIBTORCH=cpu (122 MB) or PX_LIBTORCH=cuda in the "
        + "environment, or put the libraries of libtorch 2.10 where the loader finds them (LD_LIBRARY_PATH). On Linux "
        + "TorchSharp also needs the libstdc++ of GCC 13 (Ubuntu 24.04, Debian 13).";

    /// <summary>Loads the library and opens a device.</summary>
    /// <exception cref="PixException">There is no library, or it has no such device: says what to install.</exception>
    public static torch.Device Open(TorchDevice device)
    {
        try
        {
            // The first touch of any TorchSharp type loads the library.
            if (!device.IsCuda)
            {
                return torch.InitializeDevice(new torch.Device(DeviceType.CPU));
            }

            if (!torch.TryInitializeDeviceType(DeviceType.CUDA) || !torch.cuda.is_available())
            {
                throw new PixException(PixErrorKind.InvalidArgument, $"{device} was asked for, but libtorch sees no "
                    + $"CUDA device: it needs the CUDA build of libtorch and an NVIDIA driver. {HowToInstall}");
            }
        }
        catch (Exception error) when (error is TypeInitializationException or NotSupportedException
            or DllNotFoundException or BadImageFormatException or FileNotFoundException)
        {
            Exception cause = error is TypeInitializationException { InnerException: { } inner } ? inner : error;
            throw new PixException(PixErrorKind.InvalidArgument,
                $"{device} was asked for, but libtorch is not installed. {HowToInstall} "
                + $"({cause.Message.Split('\n')[0].Trim()})", error);
        }

        int count = torch.cuda.device_count();
        if (device.Index >= count)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"{device} was asked for, but there are {count} CUDA devices, numbered from 0.");
        }

        // F32 means F32: TF32 keeps ten bits of the mantissa. BF16 weights have the tensor cores.
        torch.backends.cuda.matmul.allow_tf32 = false;
        torch.backends.cudnn.allow_tf32 = false;
        return torch.InitializeDevice(new torch.Device(DeviceType.CUDA, device.Index));
    }

    /// <summary>An error of the native library as the engine's own kinds: memory, or a defect.</summary>
    public static Exception Translate(string op, Exception error)
    {
        string text = error.Message.Split('\n')[0].Trim();
        bool memory = text.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
            || text.Contains("can't allocate memory", StringComparison.OrdinalIgnoreCase)
            || text.Contains("not enough memory", StringComparison.OrdinalIgnoreCase)
            || text.Contains("alloc_cpu", StringComparison.OrdinalIgnoreCase);
        return memory
            ? new InsufficientMemoryException($"{op}: libtorch cannot allocate its result: {text}", error)
            : new InvalidOperationException($"{op}: libtorch refused: {text}", error);
    }
}
