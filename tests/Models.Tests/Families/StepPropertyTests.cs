using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Models.Families;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Families;

// Goal: the reference files fix one size each; here sizes, pictures and prompts are drawn at random, and for each the
// numbers of a sequence must not depend on how it was computed: at once, token by token over the cache, or in pieces of
// any length beside other sequences.
public sealed class StepPropertyTests
{
    private const float Tolerance = 1e-4f;

    // Sizes that rounding, padding and cropping get wrong first.
    private static readonly (int Width, int Height)[] s_pictures =
        [(1, 1), (1, 40), (300, 1), (37, 53), (64, 64), (65, 63), (2, 3), (17, 200)];

    public static TheoryData<string, int> Cases()
    {
        var data = new TheoryData<string, int>();
        foreach (string family in RandomFamilies.Names)
        {
            for (int seed = 1; seed <= 6; seed++)
            {
                data.Add(family, seed);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Step_InAnyPieces_GivesTheSameStatesAndMasks(string family, int seed)
    {
        var random = new SeededRandom((ulong)(1000 * seed) + (ulong)family.Length);
        string kernels = Backends.Names[seed % Backends.Names.Count];
        using IBackend backend = Backends.Create(kernels);
        using ISegmentingModel model = RandomFamilies.Make(family, backend, random);
        using var scope = new TensorScope();
        List<Sequence> sequences = [.. Enumerable.Range(0, 4).Select(i => Make(model, random, i))];
        float[][] whole = [.. sequences.Select(sequence => Read(backend, Whole(model, sequence)))];

        for (int i = 0; i < sequences.Count; i++)
        {
            Tensor steps = TokenByToken(model, sequences[i]);
            AssertNear(whole[i], Read(backend, steps), $"{family} {kernels}, sequence {i}, token by token");
            AssertSameMasks(model, sequences[i], Whole(model, sequences[i]), steps);
        }

        float[][] together = Together(model, sequences, random);
        for (int i = 0; i < sequences.Count; i++)
        {
            AssertNear(whole[i], together[i], $"{family} {kernels}, sequence {i}, beside others");
        }

        sequences.ForEach(sequence => sequence.Image?.Dispose());
    }

    /// <summary>Keys and values that lose 2^-9 each move states by about as much, and by something.</summary>
    [Theory]
    [InlineData("pixsearch")]
    [InlineData("pixel-sail")]
    public void Step_KeysInBF16_StaysCloseToF32(string family)
    {
        foreach (string kernels in Backends.Names)
        {
            using IBackend backend = Backends.Create(kernels);
            using ISegmentingModel model = RandomFamilies.Make(family, backend, new SeededRandom(31));
            using var scope = new TensorScope();
            Sequence sequence = Make(model, new SeededRandom(32), 3);
            float[] exact = Read(backend, TokenByToken(model, sequence));
            float[] rounded = Read(backend, TokenByToken(model, sequence, KvType.BF16));
            double apart = exact.Zip(rounded, (a, b) => Math.Pow(a - b, 2)).Sum();
            double size = exact.Sum(a => (double)a * a);
            Assert.InRange(Math.Sqrt(apart / size), 1e-7, 5e-3);
        }
    }

    // Two pictures with answers, one token by itself, and as many as the model has positions for.
    private static Sequence Make(ISegmentingModel model, SeededRandom random, int kind)
    {
        if (kind is 2 or 3)
        {
            int count = kind == 2 ? 1 : RandomFamilies.ContextLength;
            int[] text = [.. Enumerable.Range(0, count).Select(_ => random.NextInt(TinyModels.VocabularySize))];
            return new Sequence(new ModelPrompt(text[..1]), text, null);
        }

        (int width, int height) = s_pictures[random.NextInt(s_pictures.Length)];
        RgbImage picture = TinyModels.Picture(width, height, random.NextUInt64());
        ModelPrompt prompt = model.BuildPrompt(kind == 0 ? "" : "Where is the flag on the left?", picture);
        int[] answer = model.Tokenizer.Encode(model.Family switch
        {
            ModelFamily.PixelLm => "The flag [SEG0][SEG1][SEG2][SEG3][SEG4][SEG5] it",
            _ => "The flag [SEG] and the apple [SEG].",
        });
        return new Sequence(prompt, [.. prompt.Slots, .. answer], model.EncodeImage(picture));
    }

    private static Tensor Whole(ISegmentingModel model, Sequence sequence)
    {
        using KvStore store = model.CreateKvStore(1, sequence.Slots.Length);
        return model.Step([sequence.Part(0, sequence.Slots.Length, new int[1])], store).Hidden;
    }

    private static Tensor TokenByToken(ISegmentingModel model, Sequence sequence, KvType type = KvType.F32)
    {
        int length = sequence.Slots.Length;
        int[] pages = [.. Enumerable.Range(0, (length + 2) / 3).Reverse()];
        using KvStore store = model.CreateKvStore(pages.Length, 3, type);
        var states = new List<Tensor>();
        int first = Math.Max(1, sequence.Prompt.FullEnd);
        for (int at = 0; at < length; at = at == 0 ? first : at + 1)
        {
            states.Add(model.Step([sequence.Part(at, at == 0 ? first : 1, pages)], store).Hidden);
        }

        return states.Count == 1 ? states[0] : model.Backend.Concat(0, [.. states]);
    }

    // Each step takes a piece of random length of some of the sequences, in random order.
    private static float[][] Together(ISegmentingModel model, List<Sequence> sequences, SeededRandom random)
    {
        int pageSize = RandomFamilies.Between(random, 1, 7);
        int[][] pages = new int[sequences.Count][];
        int pageCount = 0;
        for (int i = 0; i < pages.Length; i++)
        {
            int count = (sequences[i].Slots.Length + pageSize - 1) / pageSize;
            pages[i] = [.. Enumerable.Range(pageCount, count)];
            pageCount += count;
        }

        using KvStore store = model.CreateKvStore(pageCount, pageSize);
        int[] done = new int[sequences.Count];
        List<float>[] states = [.. sequences.Select(_ => new List<float>())];
        while (Enumerable.Range(0, done.Length).Any(i => done[i] < sequences[i].Slots.Length))
        {
            int[] chosen = [.. Enumerable.Range(0, done.Length).Where(i => done[i] < sequences[i].Slots.Length)
                .Where(_ => random.NextInt(3) > 0).OrderBy(_ => random.NextUInt64())];
            if (chosen.Length == 0)
            {
                continue;
            }

            int[] counts = [.. chosen.Select(i => done[i] == 0
                ? Math.Max(sequences[i].Prompt.FullEnd, RandomFamilies.Between(random, 1, sequences[i].Slots.Length))
                : RandomFamilies.Between(random, 1, Math.Min(9, sequences[i].Slots.Length - done[i])))];
            using var scope = new TensorScope();
            float[] rows = Read(model.Backend, model.Step(
                [.. chosen.Select((i, k) => sequences[i].Part(done[i], counts[k], pages[i]))], store).Hidden);
            int at = 0;
            for (int k = 0; k < chosen.Length; k++)
            {
                int length = counts[k] * model.HiddenSize;
                states[chosen[k]].AddRange(rows.AsSpan(at, length));
                done[chosen[k]] += counts[k];
                at += length;
            }
        }

        return [.. states.Select(list => list.ToArray())];
    }

    private static void AssertSameMasks(ISegmentingModel model, Sequence sequence, Tensor whole, Tensor steps)
    {
        if (sequence.Image is null || model.Family == ModelFamily.Llava)
        {
            return;
        }

        IReadOnlyList<Grounding> groundings = model.Family == ModelFamily.PixSearch
            ? [new Grounding(sequence.Prompt.Slots.Length, sequence.Prompt.Slots.Length + 2),
                new Grounding(sequence.Slots.Length - 1, sequence.Slots.Length)]
            : model.Ground(sequence.Slots, whole);
        Assert.NotEmpty(groundings);
        float[] expected = Read(model.Backend, model.DecodeMasks(sequence.Image, groundings, whole));
        Assert.Equal(groundings.Count * sequence.Image.Height * sequence.Image.Width, expected.Length);
        AssertNear(expected, Read(model.Backend, model.DecodeMasks(sequence.Image, groundings, steps)),
            $"{model.Family}: masks");

        // Masks of one answer do not depend on those beside them, but for PLUM's feedback, which goes forward only.
        Tensor first = model.DecodeMasks(sequence.Image, [groundings[0]], whole);
        AssertNear(expected[..(sequence.Image.Height * sequence.Image.Width)], Read(model.Backend, first),
            $"{model.Family}: first mask");
    }

    private static void AssertNear(float[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        float scale = Math.Max(1, expected.Select(MathF.Abs).DefaultIfEmpty(0).Max());
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(MathF.Abs(expected[i] - actual[i]) <= Tolerance * scale,
                $"{what}: number {i} is {actual[i]}, not {expected[i]}");
        }
    }

    private static float[] Read(IBackend backend, Tensor tensor)
    {
        float[] numbers = new float[tensor.Count];
        backend.Read(tensor, numbers);
        return numbers;
    }

    private sealed record Sequence(ModelPrompt Prompt, int[] Slots, IImageEncoding? Image)
    {
        public StepSequence Part(int start, int count, int[] pages) => new(Slots, start, count, pages, Image, Prompt);
    }
}
