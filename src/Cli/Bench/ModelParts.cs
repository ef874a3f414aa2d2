using PixSearch.Imaging;
using PixSearch.Models;
using PixSearch.Tensors;
using PixSearch.Tensors.Benchmarks;

namespace PixSearch.Cli.Bench;

/// <summary>One part of the work of a question.</summary>
/// <param name="Name">What was done.</param>
/// <param name="Milliseconds">Median time.</param>
/// <param name="Bytes">Managed bytes that all threads allocated, a time.</param>
/// <param name="Operations">Calls and median milliseconds of each operation, longest first; what is missing to the
/// whole is work outside of the backend.</param>
internal sealed record PartTime(string Name, double Milliseconds, long Bytes, IReadOnlyList<OperationShare> Operations);

/// <summary>An operation's share of a <see cref="PartTime"/>.</summary>
internal sealed record OperationShare(string Name, double Calls, double Milliseconds);

/// <summary>
/// Measures what the engine asks of a model, one part at a time: a picture, a prompt, decoding steps, tagging, masks.
/// The model computes on the given backend.
/// </summary>
internal sealed class ModelParts(ISegmentingModel model, TimedBackend backend, BenchClock clock, int repeats)
{
    private const int PageSize = 16;

    /// <summary>Measures all parts with sequences of <paramref name="context"/> slots.</summary>
    public IReadOnlyList<PartTime> Measure(RgbImage picture, int context)
    {
        var parts = new List<PartTime>();
        parts.Add(Take("picture for the language model", () => model.EncodeImage(picture).Dispose()));
        using IImageEncoding image = model.EncodeImage(picture);
        ModelPrompt prompt = model.BuildPrompt("What is the capital of the country of the flag on the left?", picture);
        int pagesEach = (context + PageSize) / PageSize;
        using KvStore store = model.CreateKvStore(pagesEach * 16, PageSize);
        int[] slots =
            [.. prompt.Slots, .. Enumerable.Range(0, context).Select(i => i * 7 % model.Tokenizer.VocabularySize)];
        Array.Resize(ref slots, context);
        StepSequence[] whole = [Sequence(0, 0, context)];
        parts.Add(Take($"prompt of {context} slots", () => Step(whole)));
        for (int s = 1; s < 16; s++)
        {
            Step([Sequence(s, 0, context)]);
        }

        foreach (int batch in new[] { 1, 4, 16 })
        {
            StepSequence[] rows = [.. Enumerable.Range(0, batch).Select(s => Sequence(s, context - 1, 1))];
            parts.Add(Take($"decoding step of {batch}", () => Step(rows)));
        }

        StepOutput output = model.Step(whole, store);
        using Tensor hidden = output.Hidden;
        output.Logits.Dispose();
        parts.Add(Take($"tagging of {context} slots", () =>
        {
            using var scope = new TensorScope();
            model.Ground(slots, hidden);
        }));
        parts.Add(Take("picture and first mask", () =>
        {
            using var scope = new TensorScope();
            using IImageEncoding fresh = model.EncodeImage(picture);
            model.DecodeMasks(fresh, [new Grounding(prompt.Slots.Length, prompt.Slots.Length + 3)], hidden);
        }));
        foreach (int count in new[] { 1, 2, 4 })
        {
            Grounding[] spans = [.. Enumerable.Range(0, count).Select(i => new Grounding(prompt.Slots.Length + (4 * i),
                prompt.Slots.Length + (4 * i) + 3))];
            parts.Add(Take($"masks: {count}", () =>
            {
                using var scope = new TensorScope();
                model.DecodeMasks(image, spans, hidden);
            }));
        }

        return parts;

        StepSequence Sequence(int s, int start, int count) => new(slots.AsMemory(0, start + count), start, count,
            Enumerable.Range(s * pagesEach, pagesEach).ToArray(), image, prompt);

        void Step(IReadOnlyList<StepSequence> sequences)
        {
            using var scope = TensorScope.Recycling();
            model.Step(sequences, store);
        }
    }

    private PartTime Take(string name, Action part)
    {
        for (int i = 0; i < 3 + (repeats / 4); i++)
        {
            part(); // code, memory and caches warm up
        }

        // On all threads; measured apart from the times, since counting exactly stops every thread for a moment.
        long bytes = GC.GetTotalAllocatedBytes(precise: true);
        for (int i = 0; i < repeats; i++)
        {
            part();
        }

        bytes = (GC.GetTotalAllocatedBytes(precise: true) - bytes) / repeats;
        var times = new double[repeats];
        var shares = new Dictionary<string, List<(int Calls, double Milliseconds)>>();
        for (int i = 0; i < repeats; i++)
        {
            backend.Reset();
            double started = clock.Now;
            part();
            times[i] = clock.Now - started;
            foreach ((string operation, int calls, double milliseconds) in backend.Times)
            {
                if (!shares.TryGetValue(operation, out List<(int, double)>? each))
                {
                    shares[operation] = each = [];
                }

                each.Add((calls, milliseconds));
            }
        }

        return new PartTime(name, Median(times), bytes, [.. shares.Select(pair => new OperationShare(pair.Key,
            pair.Value.Average(time => time.Calls), Median([.. pair.Value.Select(time => time.Milliseconds)])))
            .OrderByDescending(share => share.Milliseconds)]);
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }
}
