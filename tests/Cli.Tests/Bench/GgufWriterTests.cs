using System.Runtime.InteropServices;
using System.Text;
using PixSearch.Cli.Bench.Decode;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Cli.Bench;

// The file as its format says it is read; that llama.cpp reads it and computes the same is checked by px bench decode.
public sealed class GgufWriterTests : IDisposable
{
    private static readonly LlamaConfig s_config = new()
    {
        HiddenSize = 64,
        NumHiddenLayers = 1,
        NumAttentionHeads = 2,
        IntermediateSize = 96,
        VocabSize = 32,
    };

    private readonly string _file = Path.GetTempFileName();

    [Theory]
    [InlineData(WeightType.F32, 0u, 1e-9f)]
    [InlineData(WeightType.BF16, 30u, 1f / 256)]
    [InlineData(WeightType.Q8, 8u, 1f / 127)]
    public void Write_Decoder_ReadsBackAsTheSameNumbers(WeightType type, uint code, float tolerance)
    {
        using var backend = new ReferenceBackend();
        using var store = new WeightStore(new RandomWeights(backend, 1));
        _ = new Llama(store.Root, s_config);

        GgufWriter.Write(_file, s_config, store.All, type);

        Dictionary<string, (uint Type, float[] Numbers)> read = Read();
        Assert.Equal(store.All.Count, read.Count);
        (uint stored, float[] gate) = read["blk.0.ffn_gate.weight"];
        Assert.Equal(code, stored);
        AssertNear(Plain(store, "model.layers.0.mlp.gate_proj.weight"), gate, tolerance);
        Assert.Equal(0u, read["output_norm.weight"].Type);

        // Row 1 of a head is its partner of row 0 there: row 16 here, where a head has 32.
        AssertNear(Plain(store, "model.layers.0.self_attn.q_proj.weight")[(16 * 64)..(17 * 64)],
            read["blk.0.attn_q.weight"].Numbers[64..128], tolerance);
    }

    public void Dispose() => File.Delete(_file);

    private static float[] Plain(WeightStore store, string name) => store.Find(name)!.Plain!.Span.ToArray();

    private static void AssertNear(float[] expected, float[] actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        float largest = expected.Max(Math.Abs);
        Assert.All(expected.Zip(actual), pair =>
            Assert.InRange(Math.Abs(pair.First - pair.Second), 0, tolerance * largest));
    }

    private Dictionary<string, (uint Type, float[] Numbers)> Read()
    {
        using var input = new BinaryReader(File.OpenRead(_file));
        Assert.Equal("GGUF", Encoding.ASCII.GetString(input.ReadBytes(4)));
        Assert.Equal(3u, input.ReadUInt32());
        ulong tensors = input.ReadUInt64();
        ulong keys = input.ReadUInt64();
        for (ulong i = 0; i < keys; i++)
        {
            Text(input);
            if (input.ReadUInt32() == 8)
            {
                Text(input);
            }
            else
            {
                input.ReadUInt32();
            }
        }

        var places = new List<(string Name, uint Type, int Count, ulong Offset)>();
        for (ulong i = 0; i < tensors; i++)
        {
            string name = Text(input);
            ulong count = 1;
            for (uint rank = input.ReadUInt32(); rank > 0; rank--)
            {
                count *= input.ReadUInt64();
            }

            places.Add((name, input.ReadUInt32(), (int)count, input.ReadUInt64()));
        }

        long data = (input.BaseStream.Position + 31) / 32 * 32;
        var read = new Dictionary<string, (uint Type, float[] Numbers)>();
        foreach ((string name, uint type, int count, ulong offset) in places)
        {
            Assert.Equal(0ul, offset % 32);
            input.BaseStream.Position = data + (long)offset;
            read[name] = (type, Numbers(input, type, count));
        }

        return read;
    }

    private static float[] Numbers(BinaryReader input, uint type, int count) => type switch
    {
        0 => MemoryMarshal.Cast<byte, float>(input.ReadBytes(4 * count)).ToArray(),
        30 => [.. Enumerable.Range(0, count).Select(_ =>
            BitConverter.UInt32BitsToSingle((uint)input.ReadUInt16() << 16))],
        _ => [.. Enumerable.Range(0, count / 32).SelectMany(_ =>
        {
            float scale = (float)input.ReadHalf();
            return input.ReadBytes(32).Select(value => scale * (sbyte)value).ToArray();
        })],
    };

    private static string Text(BinaryReader input) =>
        Encoding.UTF8.GetString(input.ReadBytes((int)input.ReadUInt64()));
}
