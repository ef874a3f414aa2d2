using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using PixSearch.Models.Text;
using PixSearch.Tensors;

namespace PixSearch.Cli.Bench.Decode;

/// <summary>Writes a LLaMA-type decoder as GGUF version 3, llama.cpp's format, so that a peer runs the same weights.
/// </summary>
internal static class GgufWriter
{
    private const int Alignment = 32;
    private const int BlockSize = 32;

    /// <summary>Writes the file; matrices in the given type, norms in F32. The weights must still be plain.</summary>
    public static void Write(string file, LlamaConfig config, IReadOnlyList<Weight> weights, WeightType type)
    {
        using var output = new BinaryWriter(File.Create(file), Encoding.UTF8);
        output.Write("GGUF"u8);
        output.Write(3u);
        output.Write((ulong)weights.Count);
        WriteKeys(output, config);
        ulong offset = 0;
        foreach (Weight weight in weights)
        {
            WriteText(output, NameOf(weight.Name));
            output.Write((uint)weight.Shape.Rank);
            for (int i = weight.Shape.Rank - 1; i >= 0; i--)
            {
                output.Write((ulong)weight.Shape[i]);
            }

            WeightType stored = weight.Shape.Rank == 2 ? type : WeightType.F32;
            output.Write(stored switch { WeightType.F32 => 0u, WeightType.BF16 => 30u, _ => 8u });
            output.Write(offset);
            offset += (ulong)Aligned(BytesOf(stored, weight.Shape.Count));
        }

        Align(output);
        foreach (Weight weight in weights)
        {
            WriteNumbers(output, NumbersOf(weight, config), weight.Shape.Rank == 2 ? type : WeightType.F32);
            Align(output);
        }
    }

    private static void WriteKeys(BinaryWriter output, LlamaConfig config)
    {
        (string Key, object Value)[] keys =
        [
            ("general.architecture", "llama"), ("general.alignment", (uint)Alignment),
            ("llama.vocab_size", (uint)config.VocabSize), ("tokenizer.ggml.model", "none"),
            ("llama.context_length", (uint)config.MaxPositionEmbeddings),
            ("llama.embedding_length", (uint)config.HiddenSize), ("llama.block_count", (uint)config.NumHiddenLayers),
            ("llama.feed_forward_length", (uint)config.IntermediateSize),
            ("llama.attention.head_count", (uint)config.NumAttentionHeads),
            ("llama.attention.head_count_kv", (uint)config.KeyValueHeads),
            ("llama.attention.layer_norm_rms_epsilon", config.RmsNormEps),
            ("llama.rope.dimension_count", (uint)config.HeadSize), ("llama.rope.freq_base", config.RopeTheta),
        ];
        output.Write((ulong)keys.Length);
        foreach ((string key, object value) in keys)
        {
            WriteText(output, key);
            switch (value)
            {
                case uint number:
                    output.Write(4u);
                    output.Write(number);
                    break;
                case float number:
                    output.Write(6u);
                    output.Write(number);
                    break;
                default:
                    output.Write(8u);
                    WriteText(output, (string)value);
                    break;
            }
        }
    }

    private static string NameOf(string name)
    {
        (string From, string To)[] parts =
        [
            ("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output"),
            ("model.layers.", "blk."), ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm"),
            ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"),
            ("self_attn.o_proj", "attn_output"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"),
            ("mlp.down_proj", "ffn_down"),
        ];
        return parts.Aggregate(name,
            (text, part) => text.Replace(part.From, part.To, StringComparison.Ordinal));
    }

    // llama.cpp turns neighbouring pairs where Hugging Face turns the two halves of a head: rows of q and k change
    // places.
    private static float[] NumbersOf(Weight weight, LlamaConfig config)
    {
        ReadOnlySpan<float> plain = weight.Plain!.Span;
        bool query = weight.Name.Contains("q_proj", StringComparison.Ordinal);
        if (!query && !weight.Name.Contains("k_proj", StringComparison.Ordinal))
        {
            return plain.ToArray();
        }

        (int size, int half, int width) = (config.HeadSize, config.HeadSize / 2, weight.Shape[1]);
        float[] numbers = new float[plain.Length];
        for (int row = 0; row < weight.Shape[0]; row++)
        {
            int within = row % size;
            int to = row - within + (2 * (within % half)) + (within / half);
            plain.Slice(row * width, width).CopyTo(numbers.AsSpan(to * width, width));
        }

        return numbers;
    }

    private static void WriteNumbers(BinaryWriter output, float[] numbers, WeightType type)
    {
        byte[] bytes = new byte[BytesOf(type, numbers.Length)];
        switch (type)
        {
            case WeightType.F32:
                MemoryMarshal.AsBytes(numbers.AsSpan()).CopyTo(bytes);
                break;
            case WeightType.BF16:
                for (int i = 0; i < numbers.Length; i++)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2 * i), BFloat16.Round(numbers[i]));
                }

                break;
            default:
                for (int block = 0; block * BlockSize < numbers.Length; block++)
                {
                    WriteBlock(numbers.AsSpan(block * BlockSize, BlockSize), bytes.AsSpan(block * (BlockSize + 2)));
                }

                break;
        }

        output.Write(bytes);
    }

    // Q8_0: a half-precision scale, then 32 signed bytes.
    private static void WriteBlock(ReadOnlySpan<float> numbers, Span<byte> to)
    {
        float largest = 0;
        foreach (float number in numbers)
        {
            largest = Math.Max(largest, Math.Abs(number));
        }

        BinaryPrimitives.WriteHalfLittleEndian(to, (Half)(largest / 127));
        float inverse = largest == 0 ? 0 : 127 / largest;
        for (int i = 0; i < BlockSize; i++)
        {
            to[i + 2] = (byte)(sbyte)MathF.Round(numbers[i] * inverse);
        }
    }

    private static long BytesOf(WeightType type, int count) => type switch
    {
        WeightType.F32 => 4L * count,
        WeightType.BF16 => 2L * count,
        _ => (long)count / BlockSize * (BlockSize + 2),
    };

    private static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static void Align(BinaryWriter output)
    {
        output.Flush();
        long at = output.BaseStream.Position;
        output.Write(new byte[Aligned(at) - at]);
    }

    private static void WriteText(BinaryWriter output, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        output.Write((ulong)bytes.Length);
        output.Write(bytes);
    }
}
