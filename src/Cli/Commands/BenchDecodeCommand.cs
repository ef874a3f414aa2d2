using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px bench decode</c>: tokens a second of a 30 M-parameter LLaMA-type decoder with random weights.
/// </summary>
internal static class BenchDecodeCommand
{
    private const int PageSize = 16;
    private const int PromptTokens = 128;
    private const int PrefillTokens = 512;

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
            DefaultValueFactory = _ => 40,
        };
        var command = new Command("decode",
            "Decoding and prefill of a 30 M-parameter LLaMA type, F32, BF16 and Q8 weights.") { steps };
        command.SetAction(parsed => Run(Math.Clamp(parsed.GetValue(steps), 1, 1000)));
        return command;
    }

    private static void Run(int steps)
    {
        using var backend = new CpuBackend();
        var table = new Table().Title($"{backend.Name}: tokens a second (median step)");
        table.AddColumns("weights", "batch 1", "batch 4", "batch 16", $"prefill of {PrefillTokens}");
        foreach (WeightType type in Enum.GetValues<WeightType>())
        {
            using var store = new WeightStore(new RandomWeights(backend, 1));
            var model = new Llama(store.Root, s_config);
            foreach (Weight weight in store.All)
            {
                backend.Prepare(weight, type);
            }

            string[] rates =
                [.. new[] { 1, 4, 16 }.Select(batch => Rate(batch / Decode(backend, model, batch, steps)))];
            table.AddRow([type.ToString(), .. rates, Rate(PrefillTokens / Prefill(backend, model))]);
        }

        AnsiConsole.Write(table);
    }

    // Seconds of the median step, from a context of 128 tokens on.
    private static double Decode(CpuBackend backend, Llama model, int batch, int steps)
    {
        int pagesEach = (PromptTokens + steps + PageSize - 1) / PageSize;
        using KvStore pages = model.CreateKvStore(backend, pagesEach * batch, PageSize);
        for (int s = 0; s < batch; s++)
        {
            using var scope = new TensorScope();
            Step(backend, model, pages, [Sequence(s, pagesEach, 0, PromptTokens, 0)], PromptTokens);
        }

        double[] seconds = new double[steps];
        for (int step = 0; step < steps; step++)
        {
            using var scope = new TensorScope();
            PagedSequence[] sequences =
                [.. Enumerable.Range(0, batch).Select(s => Sequence(s, pagesEach, PromptTokens + step, 1, s))];
            long start = Stopwatch.GetTimestamp();
            Step(backend, model, pages, sequences, batch);
            seconds[step] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        Array.Sort(seconds);
        return seconds[steps / 2];
    }

    private static double Prefill(CpuBackend backend, Llama model)
    {
        using KvStore pages = model.CreateKvStore(backend, PrefillTokens / PageSize, PageSize);
        double best = double.PositiveInfinity;
        for (int round = 0; round < 3; round++)
        {
            using var scope = new TensorScope();
            long start = Stopwatch.GetTimestamp();
            Step(backend, model, pages, [Sequence(0, PrefillTokens / PageSize, 0, PrefillTokens, 0)], PrefillTokens);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    private static void Step(CpuBackend backend, Llama model, KvStore pages, PagedSequence[] sequences, int rows)
    {
        int[] ids = [.. Enumerable.Range(0, rows).Select(i => i * 37 % s_config.VocabSize)];
        Tensor hidden = model.ForwardStep(backend, model.Embed(backend, ids), pages,
            new PagedBatch { Sequences = sequences });
        int[] last = [.. sequences.Select(s => s.RowStart + s.RowCount - 1)];
        backend.ArgMax(model.Logits(backend, backend.Gather(hidden, last)));
    }

    private static PagedSequence Sequence(int index, int pagesEach, int start, int count, int row) =>
        new(Enumerable.Range(index * pagesEach, pagesEach).ToArray(), row, count, start);

    private static string Rate(double tokens) => tokens.ToString("0", CultureInfo.InvariantCulture);
}
