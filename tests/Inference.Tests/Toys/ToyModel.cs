using PixSearch.Imaging;
using PixSearch.Models;
using PixSearch.Tensors;

namespace PixSearch.Inference.Toys;

/// <summary>
/// A model whose answer is the question, written by a real use of pages: every position stores its slot and a running
/// hash of all
/// positions before it, read back from the pages. A page that is lost, shared wrongly or overwritten makes the step
/// throw, and
/// hidden states carry their position, so that <see cref="Ground"/> notices any that are not its own. Phrases of two
/// capital letters or more own a mask. A question with a bell character breaks every step that it is part of.
/// </summary>
internal sealed class ToyModel : ISegmentingModel
{
    public const int PictureSlots = 6;
    private const int Modulus = 1 << 20;

    private readonly ToyTokenizer _tokenizer = new("<search>", "</search>", "<region>", "<img>", "<information>",
        "</information>");

    public ToyModel(int contextLength = 512) => ContextLength = contextLength;

    public ModelFamily Family => ModelFamily.PixSearch;

    public string Name => "toy";

    public IBackend Backend { get; } = new ReferenceBackend();

    public ITokenizer Tokenizer => _tokenizer;

    public int ContextLength { get; }

    public int HiddenSize => 3;

    public IReadOnlySet<int> EndTokens { get; } = new HashSet<int> { ToyTokenizer.End };

    /// <summary>Encodings that were made and not disposed.</summary>
    public int EncodingsAlive { get; private set; }

    /// <summary>Whether the picture's slots must be computed in one step.</summary>
    public bool FullPicture { get; init; }

    /// <summary>Slots between the picture and the question, as a conversation's history.</summary>
    public int History { get; init; }

    /// <summary>Whether each step reads all positions before it; off where only time is looked at.</summary>
    public bool ReadsPages { get; init; } = true;

    /// <summary>Told how many rows each step has; may let time pass.</summary>
    public Action<int> OnStep { get; set; } = _ => { };

    /// <summary>Largest number of sequences in one step so far.</summary>
    public int BatchMax { get; private set; }

    /// <summary>Steps so far.</summary>
    public int Steps { get; private set; }

    /// <summary>Mask decoder calls.</summary>
    public int MaskCalls { get; private set; }

    // The toy keeps token ids in its pages, which only F32 holds exactly.
    public KvStore CreateKvStore(int pageCount, int pageSize, KvType type = KvType.F32) =>
        new(Backend, 1, pageCount, pageSize, 1, 2);

    public ModelPrompt BuildPrompt(string question, RgbImage? picture)
    {
        int[] head = _tokenizer.Encode("USER:");
        IEnumerable<int> slots = picture is null ? [] : Enumerable.Range(0, PictureSlots).Select(k => ~k);
        int[] history = _tokenizer.Encode(new string('h', History));
        int[] all = [.. head, .. slots, .. history, .. _tokenizer.Encode(question), .. _tokenizer.Encode(" A:")];
        return picture is null || !FullPicture
            ? new ModelPrompt(all)
            : new ModelPrompt(all, head.Length, head.Length + PictureSlots);
    }

    public IImageEncoding EncodeImage(RgbImage picture)
    {
        EncodingsAlive++;
        return new Encoding(this, picture);
    }

    public StepOutput Step(IReadOnlyList<StepSequence> sequences, KvStore store)
    {
        BatchMax = Math.Max(BatchMax, sequences.Count);
        Steps++;
        int vocabulary = _tokenizer.VocabularySize + 3;
        int rows = sequences.Sum(sequence => sequence.Count);
        Tensor logits = Backend.Zeros(new Shape(sequences.Count, vocabulary));
        Tensor hidden = Backend.Zeros(new Shape(rows, HiddenSize));
        OnStep(rows);
        int row = 0;
        for (int s = 0; s < sequences.Count; s++)
        {
            int hash = Write(sequences[s], store, hidden.Span[(row * HiddenSize)..]);
            row += sequences[s].Count;
            if (sequences[s].Start + sequences[s].Count == sequences[s].Slots.Length)
            {
                Predict(sequences[s], hash, logits.Span.Slice(s * vocabulary, vocabulary));
            }
        }

        return new StepOutput(logits, hidden);
    }

    public IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden)
    {
        var found = new List<Grounding>();
        Require(hidden.Size(0) >= slots.Length - 1, "hidden states are missing");
        for (int i = 0; i < hidden.Size(0); i++)
        {
            Require(hidden.Span[i * HiddenSize] == slots[i] && hidden.Span[(i * HiddenSize) + 1] == i,
                $"hidden state {i} is of another position");
        }

        for (int start = 0; start < hidden.Size(0);)
        {
            int end = start;
            while (end < hidden.Size(0) && slots[end] is >= 'A' and <= 'Z')
            {
                end++;
            }

            if (end - start >= 2)
            {
                found.Add(new Grounding(start, end));
            }

            start = end + 1;
        }

        return found;
    }

    public Tensor DecodeMasks(IImageEncoding image, IReadOnlyList<Grounding> groundings, Tensor hidden)
    {
        MaskCalls++;
        var own = (Encoding)image;
        Require(!own.Disposed, "the picture's encoding was disposed while in use");
        Tensor masks = Backend.Zeros(new Shape(groundings.Count, image.Height, image.Width));
        for (int g = 0; g < groundings.Count; g++)
        {
            Span<float> pixels = masks.Span.Slice(g * image.Height * image.Width, image.Height * image.Width);
            pixels.Fill(-1);
            pixels[(groundings[g].Start + own.Sum) % pixels.Length] = 2;
        }

        return masks;
    }

    public void Dispose() => Backend.Dispose();

    /// <summary>Writes this step's rows, reading what came before from the pages. Returns the hash at the last
    /// row.</summary>
    private int Write(in StepSequence sequence, KvStore store, Span<float> hidden)
    {
        ReadOnlySpan<int> slots = sequence.Slots.Span;
        Require(!slots.Contains(7), "the bell rang");
        (int from, int to) = (sequence.Prompt.FullStart, sequence.Prompt.FullEnd);
        int end = sequence.Start + sequence.Count;
        Require(sequence.Start <= from || sequence.Start >= to || to <= from, "a step begins inside the picture");
        Require(end <= from || end >= to || to <= from, "a step ends inside the picture");
        int hash = 1;
        for (int p = ReadsPages ? 0 : sequence.Start; p < end; p++)
        {
            Span<float> cell = Cell(store, sequence.Pages.Span, p);
            if (p >= sequence.Start)
            {
                int content = slots[p] >= 0 ? slots[p] : ((Encoding)sequence.Image!).Sum + slots[p];
                (cell[0], cell[1]) = (slots[p], Next(hash, content));
                int at = (p - sequence.Start) * HiddenSize;
                (hidden[at], hidden[at + 1], hidden[at + 2]) = (slots[p], p, cell[1]);
            }

            Require(cell[0] == slots[p], $"the page of position {p} holds slot {cell[0]}, not {slots[p]}");
            hash = (int)cell[1];
        }

        return hash;
    }

    private void Predict(in StepSequence sequence, int hash, Span<float> logits)
    {
        for (int i = 0; i < logits.Length; i++)
        {
            logits[i] = Next(hash, i) / (float)Modulus * 3;
        }

        ReadOnlySpan<int> prompt = sequence.Prompt.Slots;
        int tail = _tokenizer.Encode(" A:").Length;
        int question = prompt.LastIndexOfAnyInRange(int.MinValue, -1) + 1;
        question = (question == 0 ? _tokenizer.Encode("USER:").Length : question) + History;
        ReadOnlySpan<int> script = prompt[question..^tail];
        int written = 0;
        bool evidence = false;
        (int begin, int end) = (_tokenizer.IdOf("<information>"), _tokenizer.IdOf("</information>"));
        foreach (int slot in sequence.Slots.Span[prompt.Length..])
        {
            evidence |= slot == begin;
            written += evidence ? 0 : 1;
            evidence &= slot != end;
        }

        logits[7] = float.NegativeInfinity;
        logits[written < script.Length ? script[written] : ToyTokenizer.End] += 8;
    }

    private static Span<float> Cell(KvStore store, ReadOnlySpan<int> pages, int position)
    {
        int row = (pages[position / store.PageSize] * store.PageSize) + (position % store.PageSize);
        return store.Keys(0).Span.Slice(row * 2, 2);
    }

    private static int Next(int hash, int content) =>
        (int)(((ulong)(uint)((hash * 31) + content + 7) * 0x9E3779B97F4A7C15UL) >> 44) % Modulus;

    private static void Require(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"Toy model: {what}.");
        }
    }

    private sealed class Encoding(ToyModel model, RgbImage picture) : IImageEncoding
    {
        public int SlotCount => PictureSlots;

        public int Height { get; } = picture.Height;

        public int Width { get; } = picture.Width;

        public int Sum { get; } = picture.Memory.ToArray().Sum(value => value);

        public bool Disposed { get; private set; }

        public void Dispose()
        {
            Require(!Disposed, "an encoding was disposed twice");
            Disposed = true;
            model.EncodingsAlive--;
        }
    }
}
