using System.Diagnostics;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Inference.Sessions;
using PixSearch.Models;
using PixSearch.Tensors;

namespace PixSearch.Inference.Engine;

/// <summary>What a plan's items and mask jobs came to, in the plan's order.</summary>
internal sealed class StepResult
{
    /// <summary>Error of each item; null where it went well.</summary>
    public List<Exception?> ItemErrors { get; } = [];

    /// <summary>Masks of each mask job; null where it failed.</summary>
    public List<IReadOnlyList<DecodedMask>?> Masks { get; } = [];

    /// <summary>Error of each mask job; null where it went well.</summary>
    public List<Exception?> MaskErrors { get; } = [];

    public void Clear()
    {
        ItemErrors.Clear();
        Masks.Clear();
        MaskErrors.Clear();
    }
}

/// <summary>Seconds that the engine's thread spent on each kind of work, from its start.</summary>
internal sealed class PhaseTimes
{
    public double MaskSeconds { get; set; }

    public double ImageSeconds { get; set; }

    public double RowSeconds { get; set; }
}

/// <summary>
/// Runs plans on the model. A step that throws is halved until the sequences that break it are alone: only those
/// fail. Running rows again is harmless, since they write the same values to the same places.
/// </summary>
internal sealed class StepExecutor(ISegmentingModel model, KvStore store, HiddenStore hidden, ImageCache images,
    EngineOptions options, TimeProvider time)
{
    private readonly List<StepSequence> _sequences = [];
    private readonly StepResult _result = new();
    private readonly int _vocabulary = model.Tokenizer.VocabularySize;
    private float[] _logits = [];
    private float[] _rows = [];
    private int _width;

    /// <summary>Times that a step was halved.</summary>
    public long Bisections { get; private set; }

    /// <summary>Logits of an item of the last plan; scratch for the sampler. Shape: [vocabulary].</summary>
    public Span<float> Logits(int item) => _logits.AsSpan(item * _width, _vocabulary);

    /// <summary>Where the time of all steps went.</summary>
    public PhaseTimes Times { get; } = new();

    /// <summary>Runs masks and rows. The result is valid until the next call.</summary>
    public StepResult Execute(StepPlan plan)
    {
        _result.Clear();
        long started = time.GetTimestamp();
        foreach (EngineSession session in plan.Masks)
        {
            RunMasks(session);
        }

        long masked = time.GetTimestamp();
        foreach (StepItem item in plan.Items)
        {
            _result.ItemErrors.Add(PrepareImage(item));
        }

        long encoded = time.GetTimestamp();
        RunRows(plan, 0, plan.Items.Count);
        Times.MaskSeconds += time.GetElapsedTime(started, masked).TotalSeconds;
        Times.ImageSeconds += time.GetElapsedTime(masked, encoded).TotalSeconds;
        Times.RowSeconds += time.GetElapsedTime(encoded).TotalSeconds;
        return _result;
    }

    /// <summary>A picture is encoded when rows of it are computed for the first time, once for all sessions that show
    /// it.</summary>
    private Exception? PrepareImage(StepItem item)
    {
        EngineSession session = item.Session;
        if (session.Image is not null || session.Request.Picture is null)
        {
            return null;
        }

        ReadOnlySpan<int> rows = session.Machine.Slots.Span.Slice(session.Computed, item.Count);
        return rows.ContainsAnyInRange(int.MinValue, -1) ? TryTakeImage(session) : null;
    }

    // A method of its own: the closure is made only when a picture has to be encoded, not for every row.
    private Exception? TryTakeImage(EngineSession session) => Guard(() => TakeImage(session));

    private void TakeImage(EngineSession session)
    {
        if (session.Image is null && session.Request.Picture is { } picture)
        {
            images.Take(session.Request.PictureKey, picture, out IImageEncoding encoding);
            session.Image = encoding;
        }
    }

    private void RunRows(StepPlan plan, int from, int to)
    {
        _sequences.Clear();
        for (int i = from; i < to; i++)
        {
            if (_result.ItemErrors[i] is null)
            {
                (EngineSession session, int count) = plan.Items[i];
                _sequences.Add(new StepSequence(session.Machine.Slots, session.Computed, count, session.PageMemory,
                    session.Image, session.Prompt));
            }
        }

        if (_sequences.Count == 0)
        {
            return;
        }

        try
        {
            using var scope = TensorScope.Recycling();
            StepOutput output = model.Step(_sequences, store);
            Store(plan, from, to, output);
            output.Logits.Dispose(); // a model may have detached them
            output.Hidden.Dispose();
        }
        catch (Exception error) when (to - from == 1)
        {
            _result.ItemErrors[from] = error;
        }
        catch (Exception)
        {
            Bisections++;
            int middle = from + ((to - from) / 2);
            RunRows(plan, from, middle);
            RunRows(plan, middle, to);
        }
    }

    private void Store(StepPlan plan, int from, int to, StepOutput output)
    {
        int width = model.HiddenSize;
        int sequences = output.Logits.Size(0);

        // Heads are often padded to a round number of rows: ids beyond the tokenizer's are never chosen.
        _width = output.Logits.Size(1);
        if (_width < _vocabulary)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                $"The model gives {_width} logits, but its tokenizer has {_vocabulary} ids.");
        }

        if (_logits.Length < plan.Items.Count * _width)
        {
            Array.Resize(ref _logits, plan.Items.Count * _width);
        }

        // Logits lie at their item's index; where items in between failed, rows are moved apart from the back.
        Span<float> logits = _logits.AsSpan(from * _width, sequences * _width);
        model.Backend.Read(output.Logits, logits);
        int rows = output.Hidden.Size(0);
        if (_rows.Length < rows * width)
        {
            _rows = new float[rows * width];
        }

        Span<float> states = _rows.AsSpan(0, rows * width);
        model.Backend.Read(output.Hidden, states);
        int row = 0;
        for (int i = from; i < to; i++)
        {
            if (_result.ItemErrors[i] is null)
            {
                (EngineSession session, int count) = plan.Items[i];
                hidden.Write(states.Slice(row * width, count * width), session.Pages, session.Computed);
                row += count;
            }
        }

        for (int i = to - 1, last = sequences - 1; i >= from && i > from + last; i--)
        {
            if (_result.ItemErrors[i] is null)
            {
                logits.Slice(last * _width, _vocabulary).CopyTo(Logits(i));
                last--;
            }
        }
    }

    private void RunMasks(EngineSession session)
    {
        IReadOnlyList<DecodedMask>? masks = null;
        Exception? error = Guard(() => masks = DecodeMasks(session));
        _result.Masks.Add(masks);
        _result.MaskErrors.Add(error);
    }

    private IReadOnlyList<DecodedMask> DecodeMasks(EngineSession session)
    {
        using var scope = TensorScope.Recycling();
        int width = model.HiddenSize;
        int known = session.Computed;
        if (_rows.Length < known * width)
        {
            _rows = new float[known * width];
        }

        hidden.Read(session.Pages, known, _rows);
        Tensor states = model.Backend.From(_rows.AsSpan(0, known * width), new Shape(known, width));
        IReadOnlyList<Grounding> found = model.Ground(session.Machine.Slots.Span, states);
        IReadOnlyList<Grounding> selected = session.Machine.SelectGroundings(found);
        if (selected.Count <= session.Machine.Masks.Count)
        {
            return [];
        }

        using Activity? span = EngineTrace.StartMasks(session);
        TakeImage(session);
        IImageEncoding image = session.Image!;
        int countMax = Math.Max(1, options.MaskPixelsMax / (image.Width * image.Height));
        selected = selected.Count <= countMax ? selected : [.. selected.Take(countMax)];
        Tensor logits = model.DecodeMasks(image, selected, states);
        var masks = new List<DecodedMask>();
        var pixels = new float[image.Width * image.Height];
        for (int i = 0; i < selected.Count; i++)
        {
            if (session.Machine.Masks.All(mask => mask.Span != selected[i]))
            {
                model.Backend.Read(model.Backend.Slice(logits, 0, i, 1), pixels);
                masks.Add(ReadMask(selected[i], pixels, image.Width, image.Height));
            }
        }

        span?.SetTag("pixsearch.masks", masks.Count);
        return masks;
    }

    private static DecodedMask ReadMask(Grounding span, ReadOnlySpan<float> logits, int width, int height)
    {
        BinaryMask mask = BinaryMask.FromScores(logits, width, height, threshold: 0);
        double sum = 0;
        int area = 0;
        foreach (float logit in logits)
        {
            if (logit > 0)
            {
                sum += 1 / (1 + Math.Exp(-logit));
                area++;
            }
        }

        float score = area == 0 ? 0 : (float)(sum / area);
        return new DecodedMask(span, RleCodec.Encode(mask), mask.Box, score);
    }

    private static Exception? Guard(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }
}
