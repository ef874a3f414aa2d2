using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Inference.Sessions;
using PixSearch.Inference.Toys;
using PixSearch.Models;
using PixSearch.Tensors;

namespace PixSearch.Inference.Engine;

/// <summary>What a decode step of the engine allocates: the events that it delivers, and nothing else.</summary>
public sealed class SteadyStateTests
{
    [Fact]
    public void Tick_Decoding_AllocatesTheDeliveredEventsOnly()
    {
        using var inner = new ToyModel(1024);
        using var model = new MeteredModel(inner);
        var time = new ManualTime();
        var options = new EngineOptions { PageCount = 128, EventBufferMax = 4_096 };
        using var core = new EngineCore(model, options, time, new NoSessionLog(), new NoSearch());

        // Earlier sessions touch every page and every buffer of a batch of three.
        for (int round = 0; round < 2; round++)
        {
            Submit(core, $"warm{round}-", new string('w', 260));
            while (core.Tick())
            {
                time.Advance(TimeSpan.FromMilliseconds(1));
            }
        }

        Submit(core, "measured", string.Concat(Enumerable.Repeat("a few words, ", 20)));
        for (int i = 0; i < 150; i++)
        {
            Assert.True(core.Tick());
        }

        const int Steps = 80;
        long tokens = core.Stats.Tokens;
        long modelBefore = model.Bytes;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Steps; i++)
        {
            core.Tick();
        }

        long engine = GC.GetAllocatedBytesForCurrentThread() - before - (model.Bytes - modelBefore);
        long events = core.Stats.Tokens - tokens;
        Assert.Equal(3 * Steps, events);
        Assert.Equal(events * BytesOfEvent(), engine);
    }

    private static void Submit(EngineCore core, string name, string script)
    {
        for (int i = 0; i < 3; i++)
        {
            core.Submit(EngineHarness.Request($"{name}{i}", script, tenant: $"{name}{i}",
                options: new SessionOptions { Mode = SearchMode.None }));
        }
    }

    private static long BytesOfEvent()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var one = new TextDelta("x") { Sequence = 1 };
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        GC.KeepAlive(one);
        return bytes;
    }

    private sealed class NoSearch : ISearchPort
    {
        public void Begin(SearchCall call) => throw new InvalidOperationException("There is nothing to search.");

        public void Abandon(string sessionId)
        {
        }
    }

    /// <summary>Counts what the model's own steps allocate, which is not the engine's.</summary>
    private sealed class MeteredModel(ToyModel inner) : ISegmentingModel
    {
        public long Bytes { get; private set; }

        public ModelFamily Family => inner.Family;

        public string Name => inner.Name;

        public IBackend Backend => inner.Backend;

        public ITokenizer Tokenizer => inner.Tokenizer;

        public int ContextLength => inner.ContextLength;

        public int HiddenSize => inner.HiddenSize;

        public IReadOnlySet<int> EndTokens => inner.EndTokens;

        public KvStore CreateKvStore(int pageCount, int pageSize, KvType type = KvType.F32) =>
            inner.CreateKvStore(pageCount, pageSize, type);

        public ModelPrompt BuildPrompt(string question, RgbImage? picture) => inner.BuildPrompt(question, picture);

        public IImageEncoding EncodeImage(RgbImage picture) => inner.EncodeImage(picture);

        public StepOutput Step(IReadOnlyList<StepSequence> sequences, KvStore store)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            StepOutput output = inner.Step(sequences, store);
            Bytes += GC.GetAllocatedBytesForCurrentThread() - before;
            return output;
        }

        public IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden) => inner.Ground(slots, hidden);

        public Tensor DecodeMasks(IImageEncoding image, IReadOnlyList<Grounding> groundings, Tensor hidden) =>
            inner.DecodeMasks(image, groundings, hidden);

        public void Dispose()
        {
        }
    }
}
