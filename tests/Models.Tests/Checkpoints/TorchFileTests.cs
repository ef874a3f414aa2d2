using System.IO.Compression;
using System.Text;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: views of storages are read as PyTorch would show them, and a pickle that wants anything else is refused by
// name.
public sealed class TorchFileTests : IDisposable
{
    private static readonly float[] s_counting = [.. Enumerable.Range(0, 24).Select(i => (float)i)];

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.F64)]
    [InlineData(ElementType.I64)]
    public void Read_ContiguousTensor_IsTheStorage(ElementType type)
    {
        var writer = new TorchFileWriter();
        int storage = writer.AddStorage(type, s_counting);
        writer.WriteStateDict([("a.weight", storage, type, 0, [2, 3, 4], [12, 4, 1])]);

        using TorchFile file = Open(writer);

        Assert.Equal($"a.weight {type}[2, 3, 4]", file.Tensors["a.weight"].ToString());
        Assert.Equal(s_counting, file.ReadF32("a.weight"));
    }

    [Fact]
    public void Read_ViewsOfOneStorage_FollowTheirStrides()
    {
        var writer = new TorchFileWriter();
        int storage = writer.AddStorage(ElementType.F32, s_counting);
        writer.WriteStateDict(
        [
            ("whole", storage, ElementType.F32, 0, [4, 6], [6, 1]),
            ("transposed", storage, ElementType.F32, 0, [6, 4], [1, 6]),
            ("column", storage, ElementType.F32, 2, [4], [6]),
            ("block", storage, ElementType.F32, 7, [2, 3], [6, 1]),
            ("expanded", storage, ElementType.F32, 5, [3, 2], [0, 1]),
            ("scalar", storage, ElementType.F32, 23, [], []),
            ("empty", storage, ElementType.F32, 0, [0, 6], [6, 1]),
            ("permuted", storage, ElementType.F32, 0, [2, 4, 3], [12, 1, 4]),
        ]);

        using TorchFile file = Open(writer);

        Assert.Equal(s_counting, file.ReadF32("whole"));
        Assert.Equal(Enumerable.Range(0, 24).Select(i => (float)((i % 4 * 6) + (i / 4))), file.ReadF32("transposed"));
        Assert.Equal([2f, 8f, 14f, 20f], file.ReadF32("column"));
        Assert.Equal([7f, 8f, 9f, 13f, 14f, 15f], file.ReadF32("block"));
        Assert.Equal([5f, 6f, 5f, 6f, 5f, 6f], file.ReadF32("expanded"));
        Assert.Equal([23f], file.ReadF32("scalar"));
        Assert.Empty(file.ReadF32("empty"));
        float[] permuted = file.ReadF32("permuted");
        Assert.Equal([0f, 4f, 8f, 1f, 5f, 9f], permuted[..6]);
        for (int start = 0; start < 24; start++)
        {
            float[] part = new float[Math.Min(5, 24 - start)];
            file.ReadF32("permuted", start, part);
            Assert.Equal(permuted.AsSpan(start, part.Length).ToArray(), part);
        }
    }

    [Theory]
    [InlineData("state_dict")]
    [InlineData("model")]
    [InlineData("module")]
    public void Open_WrappedStateDict_IsUnwrapped(string wrapper)
    {
        var writer = new TorchFileWriter();
        int storage = writer.AddStorage(ElementType.F32, s_counting);
        writer.WriteStateDict([("x", storage, ElementType.F32, 0, [24], [1])], wrapper);
        using TorchFile file = Open(writer);
        Assert.Equal(["x"], file.Tensors.Keys);
    }

    [Theory]
    [InlineData("cos\nsystem\n(X\u0007\0\0\0echo hitR.", "'os.system'")]
    [InlineData("cbuiltins\neval\n.", "'builtins.eval'")]
    [InlineData("ctorch\nload\n.", "'torch.load'")]
    [InlineData("cargparse\nNamespace\n)R.", "'argparse.Namespace'")]
    [InlineData("cnumpy.core.multiarray\n_reconstruct\n.", "'numpy.core.multiarray._reconstruct'")]
    [InlineData("X\u0002\0\0\0osX\u0006\0\0\0system\u0093.", "'os.system'")]
    [InlineData("ios\nsystem\n(.", "opcode 0x69")]
    [InlineData("\u0082\u0001.", "opcode 0x82")]
    [InlineData("(lI01\n.", "opcode 0x6C")]
    [InlineData("ccollections\nOrderedDict\nNR.", "without a tuple")]
    [InlineData("ccollections\nOrderedDict\nK\u0001\u0085R.", "is not understood")]
    [InlineData("}N]s.", "as key")]
    [InlineData("h\u0005.", "memo 5")]
    [InlineData("0.", "runs empty")]
    [InlineData("t.", "mark is missing")]
    [InlineData("(.", "mark is taken")]
    [InlineData("NQ.", "persistent id")]
    [InlineData("X\u00ff\u00ff\u00ff\u007fa.", "in the middle")]
    [InlineData("\u008d\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ffa.", "is claimed")]
    [InlineData("\u008a\u0020aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.", "too large")]
    [InlineData("X\u0002\0\0\0\u00ff\u00fe.", "not UTF-8")]
    [InlineData("N.", "not a dict")]
    [InlineData("", "in the middle")]
    public void Open_PickleThatWantsMore_IsRefusedByName(string pickle, string expected)
    {
        var writer = new TorchFileWriter();
        writer.WritePickle([0x80, 2, .. Encoding.Latin1.GetBytes(pickle)]);

        PixException error = Assert.Throws<PixException>(() => Open(writer));

        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, new[] { 25 }, new[] { 1 }, "beyond its storage")]
    [InlineData(1, new[] { 24 }, new[] { 1 }, "beyond its storage")]
    [InlineData(-1, new[] { 2 }, new[] { 1 }, "beyond its storage")]
    [InlineData(0, new[] { 2, 2 }, new[] { 1 }, "2 sizes and 1 strides")]
    [InlineData(0, new[] { 3 }, new[] { -1 }, "stride -1")]
    [InlineData(0, new[] { -3 }, new[] { 1 }, "size -3")]
    [InlineData(0, new[] { 1 << 30, 1 << 30 }, new[] { 0, 0 }, "in dimension 1")]
    [InlineData(0, new[] { 3 }, new[] { int.MaxValue }, "beyond its storage")]
    [InlineData(0, new[] { 1, 1, 1, 1, 1, 1, 1 }, new[] { 1, 1, 1, 1, 1, 1, 1 }, "7 sizes")]
    public void Open_ViewOutsideItsStorage_IsRefused(int offset, int[] sizes, int[] strides, string expected)
    {
        var writer = new TorchFileWriter();
        int storage = writer.AddStorage(ElementType.F32, s_counting);
        writer.WriteStateDict([("x", storage, ElementType.F32, offset, sizes, strides)]);

        PixException error = Assert.Throws<PixException>(() => Open(writer));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("'x'", error.Message, StringComparison.Ordinal);
    }

    // A byte of each would take a hundred bytes of memory, or the square of the pickle's length in copies.
    [Theory]
    [InlineData("}", "")]
    [InlineData("]", "")]
    [InlineData("N", "")]
    [InlineData(")q\u0000", "\u0094")]
    public void Open_PickleThatGrows_IsRefusedWithinBounds(string begin, string repeated)
    {
        string unit = repeated.Length == 0 ? begin : repeated;
        byte[] pickle = [0x80, 2, .. Encoding.Latin1.GetBytes(begin), .. Repeat(unit, Unpickler.ValuesMax), (byte)'.'];
        RefuseWithinBounds(pickle);
    }

    [Fact]
    public void Open_LongListNamedAgainAndAgain_IsNotCopiedWithoutEnd()
    {
        // 20,000 pairs, made a dict of 20,000 times: 400 million entries from 300 KB.
        var pickle = new List<byte>([0x80, 2, (byte)']', (byte)'(']);
        for (int i = 0; i < 20_000; i++)
        {
            pickle.AddRange([(byte)'M', (byte)i, (byte)(i >> 8), (byte)'N', 0x86]);
        }

        pickle.AddRange([(byte)'e', (byte)'q', 0, .. "ccollections\nOrderedDict\nq\u0001"u8]);
        pickle.AddRange(Repeat("h\u0001h\u0000\u0085R", 20_000));
        RefuseWithinBounds([.. pickle, (byte)'.']);
    }

    private void RefuseWithinBounds(byte[] pickle)
    {
        var writer = new TorchFileWriter();
        writer.WritePickle(pickle);
        string path = _folder.Write("a.pth", writer.Build());

        // This thread's bytes: other tests allocate at the same time.
        long before = GC.GetAllocatedBytesForCurrentThread();
        PixException error = Assert.Throws<PixException>(() => new TorchFile(path));

        Assert.Contains("values, more than any state dict has", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 1L << 30);
    }

    [Fact]
    public void Open_MemoBeyondThePickle_IsRefused()
    {
        var writer = new TorchFileWriter();
        writer.WritePickle([0x80, 2, (byte)'N', (byte)'r', 0xFF, 0xFF, 0xFF, 0xFF, (byte)'.']);
        PixException error = Assert.Throws<PixException>(() => Open(writer));
        Assert.Contains("memo 4294967295", error.Message, StringComparison.Ordinal);
    }

    // Stride 0 shows one number as often as one likes: 8 GB out of 4 bytes.
    [Fact]
    public void Open_ViewsFarLargerThanTheFile_AreRefused()
    {
        var writer = new TorchFileWriter();
        int storage = writer.AddStorage(ElementType.F32, [1]);
        writer.WriteStateDict([("x", storage, ElementType.F32, 0, [1 << 20, 1 << 10], [0, 0])]);
        PixException error = Assert.Throws<PixException>(() => Open(writer));
        Assert.Contains("more than 4 times", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_NameThatCommandsATerminal_IsShownPlainly()
    {
        var writer = new TorchFileWriter();
        int storage = writer.AddStorage(ElementType.F32, [1]);
        writer.WriteStateDict([("x\n\u001b[2J", storage, ElementType.F32, 0, [2], [1])]);
        PixException error = Assert.Throws<PixException>(() => Open(writer));
        Assert.Contains("'x \\u001B[2J'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_CompressedZip_IsRefused()
    {
        var writer = new TorchFileWriter();
        writer.WritePickle([0x80, 2, (byte)'}', (byte)'.', .. new byte[200]]);
        string path = _folder.Write("a.pth", writer.Build(CompressionLevel.Optimal));
        PixException error = Assert.Throws<PixException>(() => new TorchFile(path));
        Assert.Contains("compressed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileCutAnywhere_IsRefused()
    {
        byte[] whole = Sample();
        for (int length = 0; length < whole.Length; length++)
        {
            string path = _folder.Write("a.pth", whole.AsSpan(0, length));
            PixException error = Assert.Throws<PixException>(() => new TorchFile(path));
            Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Open_MutatedFile_OpensOrIsRefusedButNeverElse(int seed)
    {
        byte[] whole = Sample();
        var random = new SeededRandom((ulong)seed);
        int refused = 0;
        for (int round = 0; round < 1500; round++)
        {
            byte[] mutant = (byte[])whole.Clone();
            for (int change = 0; change <= round % 3; change++)
            {
                mutant[random.NextInt(whole.Length)] = (byte)random.NextInt(256);
            }

            string path = _folder.Write("a.pth", mutant);
            try
            {
                using var file = new TorchFile(path);
                foreach (TensorEntry entry in file.Tensors.Values)
                {
                    if (entry.Shape.Count < 1_000_000)
                    {
                        Assert.Equal(entry.Shape.Count, file.ReadF32(entry.Name).Length);
                    }
                }
            }
            catch (PixException error)
            {
                Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
                refused++;
            }
        }

        Assert.InRange(refused, 100, 1500);
    }

    public void Dispose() => _folder.Dispose();

    private static byte[] Repeat(string unit, int count)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(unit);
        byte[] all = new byte[bytes.Length * count];
        for (int i = 0; i < count; i++)
        {
            bytes.CopyTo(all, i * bytes.Length);
        }

        return all;
    }

    private static byte[] Sample()
    {
        var writer = new TorchFileWriter();
        int storage = writer.AddStorage(ElementType.BF16, s_counting);
        writer.WriteStateDict(
        [
            ("x", storage, ElementType.BF16, 0, [4, 6], [6, 1]), ("y", storage, ElementType.BF16, 0, [6, 4], [1, 6]),
        ]);
        return writer.Build();
    }

    private TorchFile Open(TorchFileWriter writer) => new(_folder.Write("a.pth", writer.Build()));
}
