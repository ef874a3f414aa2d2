using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using PixSearch.Abstractions;
using PixSearch.Training.Data.Sources;

namespace PixSearch.Training.Tests.Data;

/// <summary>Goal: a resource file written here is read; a damaged one is refused and never loops.</summary>
public sealed class QtResourceFileTests
{
    [Fact]
    public void Read_FolderWithPlainAndPackedFile_GivesBoth()
    {
        Dictionary<string, byte[]> files = QtResourceFile.Read(Create());

        Assert.Equal(["/a.txt", "/b.txt"], files.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("plain", Encoding.ASCII.GetString(files["/a.txt"]));
        Assert.Equal("packed packed packed", Encoding.ASCII.GetString(files["/b.txt"]));
    }

    [Fact]
    public void Read_TruncatedAnywhere_IsRefused()
    {
        byte[] file = Create();
        for (int length = 0; length < file.Length; length++)
        {
            byte[] part = file[..length];
            PixException error = Assert.Throws<PixException>(() => QtResourceFile.Read(part));
            Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        }
    }

    [Theory]
    [InlineData(21ul)]
    [InlineData(22ul)]
    public void Read_Mutated_IsReadOrRefused(ulong seed)
    {
        var random = new SeededRandom(seed);
        for (int i = 0; i < 500; i++)
        {
            byte[] file = Create();
            file[random.NextInt(file.Length)] ^= (byte)random.NextInt(1, 256);
            try
            {
                Assert.InRange(QtResourceFile.Read(file).Count, 0, 2);
            }
            catch (PixException error)
            {
                Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
            }
        }
    }

    // Header, data, names, tree (version 1: nodes of 14 bytes).
    private static byte[] Create()
    {
        byte[] plain = [0, 0, 0, 5, .. "plain"u8];
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write("packed packed packed"u8);
        }

        byte[] stream = packed.ToArray();
        byte[] data = [.. plain, .. Number(stream.Length + 4), .. Number(20), .. stream];
        byte[] names = [.. Name("a.txt"), .. Name("b.txt")];
        byte[] tree =
        [
            .. Number(0), 0, 2, .. Number(2), .. Number(1),
            .. Number(0), 0, 0, 0, 0, 0, 0, .. Number(0),
            .. Number(names.Length / 2), 0, 1, 0, 0, 0, 0, .. Number(plain.Length),
        ];
        const int HeaderBytes = 20;
        int namesAt = HeaderBytes + data.Length, treeAt = namesAt + names.Length;
        return [.. "qres"u8, .. Number(1), .. Number(treeAt), .. Number(HeaderBytes), .. Number(namesAt),
            .. data, .. names, .. tree];
    }

    private static byte[] Name(string name) =>
        [0, (byte)name.Length, 0, 0, 0, 0, .. Encoding.BigEndianUnicode.GetBytes(name)];

    private static byte[] Number(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
