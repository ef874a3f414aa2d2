using PixSearch.Abstractions;

namespace PixSearch.Models.Checkpoints;

/// <summary>Opens checkpoints of every layout on disk.</summary>
public static class CheckpointSource
{
    // In the order in which transformers looks for them.
    private static readonly string[] s_folderFiles =
    [
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
    ];

    /// <summary>
    /// Opens a file (<c>.safetensors</c>, <c>.bin</c>, <c>.pth</c>, <c>.pt</c>, <c>*.index.json</c>) or a folder that
    /// holds one of them. No tensor is read. Throws <see cref="PixException"/>: NotFound, InvalidArgument when a folder
    /// holds several checkpoints, BrokenArtifact.
    /// </summary>
    public static ITensorSource Open(string path)
    {
        if (!Directory.Exists(path))
        {
            return path.EndsWith(".index.json", StringComparison.Ordinal) ? new ShardedSource(path) : OpenFile(path);
        }

        string? file = Array.Find(s_folderFiles, name => File.Exists(Path.Combine(path, name)));
        if (file is not null)
        {
            return Open(Path.Combine(path, file));
        }

        string[] others = [.. Directory.GetFiles(path)
            .Where(name => Path.GetExtension(name) is ".safetensors" or ".bin" or ".pth" or ".pt")
            .Where(name => !Path.GetFileName(name).StartsWith("adapter_", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];
        return others.Length switch
        {
            0 => throw new PixException(PixErrorKind.NotFound, $"Folder '{path}' holds no checkpoint "
                + $"({string.Join(", ", s_folderFiles)} or a single .safetensors, .bin, .pth or .pt file)."),
            1 => OpenFile(others[0]),
            _ => throw new PixException(PixErrorKind.InvalidArgument, $"Folder '{path}' holds several checkpoints "
                + $"({string.Join(", ", others.Take(5).Select(Path.GetFileName))}); name the file."),
        };
    }

    /// <summary>Opens one file by what is in it: a zip is PyTorch's, anything else must be safetensors.</summary>
    internal static ITensorSource OpenFile(string path)
    {
        byte[] start = InputFile.Open(path, "checkpoint", ReadStart);
        bool isZip = start.AsSpan().SequenceEqual("PK\u0003\u0004"u8);
        bool isTorchByName = Path.GetExtension(path) is ".bin" or ".pth" or ".pt";
        if (isZip || isTorchByName)
        {
            return new TorchFile(path);
        }

        var file = new SafetensorsFile(path);
        try
        {
            return QuantizedSource.IsQuantized(file) ? new QuantizedSource(file) : file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static byte[] ReadStart(string path)
    {
        byte[] start = new byte[4];
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        return start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
    }
}
