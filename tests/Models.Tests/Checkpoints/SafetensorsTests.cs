using System.Buffers.Binary;
using System.Text;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: what is written is read back exactly, and no header, however it is damaged, does more than throw PixException.
public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(ElementType.F64)]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.I64)]
    [InlineData(ElementType.I16)]
    [InlineData(ElementType.I8)]
    public void Write_SmallWholeNumbers_AreReadBackExactly(ElementType type)
    {
        float[] values = [.. Enumerable.Range(0, 105).Select(i => (float)(i - 52))];
        string path = _folder.File("a.safetensors");
        SafetensorsWriter.Write(path, [TensorPayload.Floats("x.weight", new Shape(5, 21), values, type)],
            new Dictionary<string, string> { ["format"] = "pt" });

        using var file = new SafetensorsFile(path);

        Assert.Equal(new TensorEntry("x.weight", type, new Shape(5, 21)), file.Tensors["x.weight"]);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(values, file.ReadF32("x.weight"));
        float[] part = new float[40];
        file.ReadF32("x.weight", 33, part);
        Assert.Equal(values.AsSpan(33, 40).ToArray(), part);
    }

    [Fact]
    public void Read_IntegersAndBooleans_KeepEveryBit()
    {
        string path = _folder.File("a.safetensors");
        SafetensorsWriter.Write(path,
        [
            TensorPayload.Integers("ids", new Shape(3), new long[] { long.MinValue, -200, long.MaxValue }),
            TensorPayload.Integers("narrow", new Shape(2), new long[] { int.MinValue, 7 }, ElementType.I32),
            TensorPayload.Integers("mask", new Shape(2, 2), new long[] { 1, 0, 0, 5 }, ElementType.BOOL),
            TensorPayload.Integers("bytes", new Shape(2), new long[] { 255, 128 }, ElementType.U8),
        ]);

        using var file = new SafetensorsFile(path);

        Assert.Equal([long.MinValue, -200, long.MaxValue], file.ReadI64("ids"));
        Assert.Equal([int.MinValue, 7], file.ReadI64("narrow"));
        Assert.Equal([1, 0, 0, 1], file.ReadI64("mask"));
        Assert.Equal([255f, 128f], file.ReadF32("bytes"));
    }

    [Fact]
    public void Write_ScalarsAndEmptyTensors_AreReadBack()
    {
        string path = _folder.File("a.safetensors");
        SafetensorsWriter.Write(path,
        [
            TensorPayload.Floats("scalar", new Shape([]), new float[] { 3.5f }),
            TensorPayload.Floats("empty", new Shape(0, 4), Array.Empty<float>()),
        ]);

        using var file = new SafetensorsFile(path);

        Assert.Equal([3.5f], file.ReadF32("scalar"));
        Assert.Equal(0, file.Tensors["scalar"].Shape.Rank);
        Assert.Empty(file.ReadF32("empty"));
        Assert.True(file.TryGetMappedF32("scalar", out ReadOnlySpan<float> mapped) && mapped[0] == 3.5f);
    }

    [Theory]
    [InlineData(1.0f, 0x3F80)]
    [InlineData(-2.5f, 0xC020)]
    [InlineData(1.00390625f, 0x3F80)] // halfway between 1 and 1 + 2^-7: the even one
    [InlineData(1.01171875f, 0x3F82)] // halfway between 1 + 2^-7 and 1 + 2^-6: the even one
    [InlineData(float.PositiveInfinity, 0x7F80)]
    [InlineData(float.MaxValue, 0x7F80)]
    public void Round_ToBFloat16_IsNearestEven(float value, int bits) =>
        Assert.Equal(bits, BFloat16.Round(value));

    [Fact]
    public void ToF32_EveryF16AndBF16_MatchesTheDefinition()
    {
        byte[] bytes = new byte[65536 * 2];
        for (int i = 0; i < 65536; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(i * 2), (ushort)i);
        }

        float[] values = new float[65536];
        ElementConverter.ToF32(ElementType.BF16, bytes, values);
        for (int i = 0; i < 65536; i++)
        {
            Assert.Equal((uint)i << 16, BitConverter.SingleToUInt32Bits(values[i]));
        }

        ElementConverter.ToF32(ElementType.F16, bytes, values);
        for (int i = 0; i < 65536; i++)
        {
            int exponent = (i >> 10) & 31;
            double fraction = (i & 1023) / 1024.0;
            double magnitude = exponent == 0 ? fraction * Math.Pow(2, -14) : (1 + fraction) * Math.Pow(2,
                exponent - 15);
            double expected = exponent < 31 ? magnitude : fraction == 0 ? double.PositiveInfinity : double.NaN;
            Assert.Equal(i < 32768 ? expected : -expected, (double)values[i]);
        }
    }

    [Fact]
    public void ToF32_F8Formats_HaveTheirPublishedExtremes()
    {
        float[] values = new float[4];
        ElementConverter.ToF32(ElementType.F8_E4M3, [0x7E, 0x01, 0xB8, 0x7F], values);
        Assert.Equal([448f, 0.001953125f, -1f, float.NaN], values);
        ElementConverter.ToF32(ElementType.F8_E5M2, [0x7B, 0x7C, 0xBC, 0x01], values);
        Assert.Equal([57344f, float.PositiveInfinity, -1f, 1.52587890625e-05f], values);
    }

    [Fact]
    public void Open_Fixtures_HoldFiniteNumbers()
    {
        string[] fixtures = Directory.GetFiles(FixtureFolder(), "*.safetensors");
        Assert.NotEmpty(fixtures);
        foreach (string path in fixtures)
        {
            using var file = new SafetensorsFile(path);
            Assert.All(file.Tensors.Keys, name => Assert.DoesNotContain(file.ReadF32(name), value =>
                !float.IsFinite(value)));
        }
    }

    public static TheoryData<string, int, string> Lies => new()
    {
        { $"{{{Slot("a", "2", "0,8")},{Slot("b", "2", "4,12")}}}", 12, "overlaps" },
        { $"{{{Slot("a", "1", "0,4")},{Slot("b", "1", "8,12")}}}", 12, "hole" },
        { $"{{{Slot("a", "1", "4,8")}}}", 8, "hole" },
        { $"{{{Slot("a", "1", "0,4")}}}", 8, "describes 4 bytes" },
        { $"{{{Slot("a", "3", "0,12")}}}", 8, "describes 12 bytes" },
        { $"{{{Slot("a", "3", "0,8")}}}", 8, "takes 12" },
        { $"{{{Slot("a", "2", "8,0")}}}", 8, "takes 8" },
        { $"{{{Slot("a", "4294967296,4294967296", "0,0")}}}", 0, "elements" },
        { $"{{{Slot("a", "9223372036854775807,0", "0,0")}}}", 0, "elements" },
        { $"{{{Slot("a", "18446744073709551616", "0,0")}}}", 0, "whole numbers" },
        { $"{{{Slot("a", "-1", "0,4")}}}", 4, "whole numbers" },
        { $"{{{Slot("a", "1.5", "0,4")}}}", 4, "whole numbers" },
        { $"{{{Slot("a", "1,1,1,1,1,1,1", "0,4")}}}", 4, "more than 6" },
        { $"{{{Slot("a", "1", "0,4,4")}}}", 4, "more than 2" },
        { $"{{{Slot("a", "1", "0")}}}", 4, "lacks" },
        { $"{{{Slot("a", "1", "0,4")},{Slot("a", "1", "4,8")}}}", 8, "twice" },
        { """{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "repeated" },
        { """{"a":{"dtype":"3","shape":[1],"data_offsets":[0,4]}}""", 4, "unknown dtype" },
        { """{"a":{"dtype":"F32","shape":[1]}}""", 4, "lacks" },
        { """{"__metadata__":{"a":"b","a":"c"}}""", 0, "twice" },
        { """{"__metadata__":{},"__metadata__":{}}""", 0, "twice" },
        { """{"__metadata__":{"a":1}}""", 0, "String was expected" },
        { """{"a":[]}""", 0, "StartObject was expected" },
        { "{} {}", 0, "not JSON" },
        { "[]", 0, "does not start" },
        { "", 0, "does not start" },
        { """{"\ud800":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", 4, "not JSON" },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void Open_HeaderThatLies_IsRefusedByName(string header, int dataLength, string expected)
    {
        string path = _folder.Write("a.safetensors", MakeFile(header, dataLength));

        PixException error = Assert.Throws<PixException>(() => new SafetensorsFile(path));

        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2_000_000_000UL)]
    [InlineData(ulong.MaxValue)]
    [InlineData(100UL)]
    public void Open_HeaderLongerThanTheFile_IsRefusedWithoutAllocatingIt(ulong length)
    {
        byte[] bytes = new byte[50];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        string path = _folder.Write("a.safetensors", bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();

        PixException error = Assert.Throws<PixException>(() => new SafetensorsFile(path));

        Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Open_SparseTwoGigabyteHeader_IsRefusedWithoutAllocatingIt()
    {
        // A sparse file: two gigabytes that claim to be header, four kilobytes on disk.
        string path = _folder.File("a.safetensors");
        using (FileStream stream = File.Create(path))
        {
            stream.Write(BitConverter.GetBytes(2_000_000_000L));
            stream.SetLength(2_000_000_100);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        PixException error = Assert.Throws<PixException>(() => new SafetensorsFile(path));

        Assert.Contains("100000000 is the limit", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Open_TruncatedAnywhere_IsRefused()
    {
        byte[] whole = MakeFile($"{{{Slot("a", "2,2", "0,8", "BF16")},{Slot("b", "", "8,16", "I64")}}}", 16);
        for (int length = 0; length < whole.Length; length++)
        {
            string path = _folder.Write("a.safetensors", whole.AsSpan(0, length));
            PixException error = Assert.Throws<PixException>(() => new SafetensorsFile(path));
            Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Open_MutatedHeader_OpensOrIsRefusedButNeverElse(int seed)
    {
        byte[] whole = MakeFile($"{{{Slot("a", "2,2", "0,16")},{Slot("b", "3", "16,22", "F16")}}}", 22);
        ulong state = (ulong)seed;
        int refused = 0;
        for (int round = 0; round < 1500; round++)
        {
            byte[] mutant = (byte[])whole.Clone();
            for (int change = 0; change <= round % 3; change++)
            {
                mutant[Next(ref state) % (uint)(whole.Length - 22)] = (byte)Next(ref state);
            }

            string path = _folder.Write("a.safetensors", mutant);
            try
            {
                using var file = new SafetensorsFile(path);
                foreach (string name in file.Tensors.Keys)
                {
                    Assert.Equal(file.Tensors[name].Shape.Count, file.ReadF32(name).Length);
                }
            }
            catch (PixException error)
            {
                Assert.Equal(PixErrorKind.BrokenArtifact, error.Kind);
                refused++;
            }
        }

        Assert.InRange(refused, 1000, 1500);
    }

    public void Dispose() => _folder.Dispose();

    internal static string FixtureFolder()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !Directory.Exists(Path.Combine(folder, "tests", "fixtures")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return Path.Combine(folder ?? throw new DirectoryNotFoundException("tests/fixtures"), "tests", "fixtures");
    }

    private static string Slot(string name, string shape, string offsets, string type = "F32") =>
        $$"""
        "{{name}}":{"dtype":"{{type}}","shape":[{{shape}}],"data_offsets":[{{offsets}}]}
        """;

    private static byte[] MakeFile(string header, int dataLength)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + json.Length + dataLength];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, json.Length);
        json.CopyTo(bytes, 8);
        return bytes;
    }

    // SplitMix64 (Steele, Lea, Flood 2014).
    private static uint Next(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (uint)((z ^ (z >> 31)) >> 33);
    }
}
