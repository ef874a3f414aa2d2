using System.CommandLine;
using System.Globalization;
using PixSearch.Abstractions;
using PixSearch.Cli.Bench;
using PixSearch.Cli.Bench.Decode;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;
using PixSearch.Tensors.Benchmarks;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px bench decode</c>: tokens a second of a 30 M-parameter LLaMA-type decoder with random weights, beside llama.cpp
/// on the same weights where it is installed.
/// </summary>
internal static class BenchDecodeCommand
{
    private const int Rounds = 5;

    // Logits of the two engines may differ by the rounding of their types: llama.cpp keeps keys in F16 and rounds
    // activations to the weights' type.
    private const double DifferenceMax = 0.05;

    private static readonly int[] s_batches = [1, 4, 16];

    // 8 layers of 4 * 512^2 + 3 * 512 * 1376, and two tables of 4096 * 512: 29.5 M.
    private static readonly LlamaConfig s_config = new()
    {
        HiddenSize = 512,
        NumHiddenLayers = 8,
        NumAttentionHeads = 8,
        IntermediateSize = 1376,
        VocabSize = 4096,
    };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var steps = new Option<int>("--steps")
        {
            Description = "Decoding steps to time.",
            DefaultValueFactory = _ => 60,
        };
        var llama = new Option<DirectoryInfo?>("--llama")
        {
            Description = $"Folder of llama.cpp's libraries; by default where this puts them: "
                + LlamaCppLibrary.HowToInstall,
        };
        var kv = new Option<KvType>("--kv")
        {
            Description = "How keys and values are held; llama.cpp has them in F16.",
            DefaultValueFactory = _ => KvType.BF16,
        };
        var cpuTime = new Option<bool>("--cpu-time")
        {
            Description = "Read the CPU time of the thread, for busy machines; needs PIXSEARCH_THREADS=1.",
        };
        var command = new Command("decode", "Decoding and prefill of a 30 M-parameter LLaMA type, F32, BF16 and Q8 "
            + "weights, beside llama.cpp.") { steps, llama, kv, cpuTime };
        command.SetAction(parsed => Run(Math.Clamp(parsed.GetValue(steps), Rounds, 1000),
            parsed.GetValue(llama)?.FullName, parsed.GetValue(kv),
            new BenchClock(parsed.GetValue(cpuTime)), parsed.InvocationConfiguration.Output));
        return command;
    }

    private static void Run(int steps, string? folder, KvType kv, BenchClock clock, TextWriter console)
    {
        LlamaCppLibrary? library = LlamaCppLibrary.Open(folder, out string missing);
        using var backend = new CpuBackend();
        var table = new Table().Title($"{backend.Name}: tokens a second (median){(library is null ? ""
            : " / llama.cpp = median of ratios")}");
        table.AddColumns(["weights", .. s_batches.Select(batch => $"batch {batch}"),
            $"prefill of {DecodeBenchmark.PrefillTokens}", "logits apart"]);
        int restless = 0;
        string gguf = Path.Combine(Path.GetTempPath(), $"px-bench-{Environment.ProcessId}.gguf");
        foreach (WeightType type in Enum.GetValues<WeightType>())
        {
            using var store = new WeightStore(new RandomWeights(backend, 1));
            var model = new Llama(store.Root, s_config);
            try
            {
                if (library is not null)
                {
                    GgufWriter.Write(gguf, s_config, store.All, type);
                }

                foreach (Weight weight in store.All)
                {
                    backend.Prepare(weight, type);
                }

                using var own = new OwnDecoder(backend, model, kv);
                using LlamaCppDecoder? peer = library is null ? null
                    : new LlamaCppDecoder(library, gguf, s_config.VocabSize, NativePeers.ThreadCount);
                table.AddRow([type.ToString(), .. Measure(own, peer, steps, clock, ref restless)]);
            }
            finally
            {
                File.Delete(gguf);
            }
        }

        CliConsole.Write(table);
        console.WriteLine(library is null ? missing
            : $"{NativePeers.ThreadCount} thread(s) each, in turns; each turn began when all other threads of the "
                + "process slept" + (restless == 0 ? "." : $", but for {restless} turns: mistrust the ratios."));
    }

    private static IEnumerable<string> Measure(OwnDecoder own, LlamaCppDecoder? peer, int steps,
        BenchClock clock, ref int restless)
    {
        var benchmark = new DecodeBenchmark(own, peer, s_config.VocabSize, Rounds, clock);
        string apart = "";
        if (peer is not null)
        {
            double difference = benchmark.Difference();
            apart = string.Create(CultureInfo.InvariantCulture, $"{100 * difference:0.00} %");
            if (!(difference <= DifferenceMax))
            {
                throw new PixException(PixErrorKind.Internal, $"The engines' logits are {apart} of the largest apart, "
                    + "so they do not compute the same thing.");
            }
        }

        string[] texts =
            [.. s_batches.Select(batch => Text(benchmark.Decode(batch, steps))), Text(benchmark.Prefill()), apart];
        restless += benchmark.RestlessTurns;
        return texts;
    }

    private static string Text(DecodeRate rate) => rate.Peer is { } peer
        ? string.Create(CultureInfo.InvariantCulture, $"{rate.Own:0} / {peer:0} = {rate.Ratio:0.00}")
        : string.Create(CultureInfo.InvariantCulture, $"{rate.Own:0}");
}
