using System.Runtime.InteropServices;
using PixSearch.Models.Text;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>Where the rows of a step stand, for a decoder's rotary tables and picture weights.</summary>
internal sealed class StepPositions
{
    /// <summary>Position of each row; on the row axis where there are two.</summary>
    public List<int> Rows { get; } = [];

    /// <summary>Position of each row on the column axis; empty where there is one axis.</summary>
    public List<int> Columns { get; } = [];

    /// <summary>Rows that show a picture and go through the picture's weights; see
    /// <see cref="AttentionContext.PictureRows"/>.</summary>
    public List<int> PictureRows { get; } = [];

    public void Clear()
    {
        Rows.Clear();
        Columns.Clear();
        PictureRows.Clear();
    }
}

/// <summary>
/// One step of several sequences through a decoder: the part of <see cref="ISegmentingModel.Step"/> that is the same in
/// all families. Buffers are kept from step to step: a decoding step allocates nothing once they have grown. For one
/// thread.
/// </summary>
/// <param name="backend">Where it is computed.</param>
/// <param name="decoder">The language model.</param>
/// <param name="rowsOf">A picture's rows [slots, hidden].</param>
/// <param name="place">Adds the positions of a sequence's rows.</param>
internal sealed class SequenceStepper(IBackend backend, Llama decoder, Func<IImageEncoding, Tensor> rowsOf,
    Action<StepSequence, StepPositions> place)
{
    private readonly List<PagedSequence> _rows = [];
    private readonly List<Tensor> _parts = [];
    private readonly List<int> _indices = [];
    private readonly StepPositions _positions = new();
    private PagedBatch? _batch;
    private PagedAttention? _context;

    /// <summary>Runs a step.</summary>
    public StepOutput Step(IReadOnlyList<StepSequence> sequences, KvStore store)
    {
        using var scope = new TensorScope();
        PagedBatch batch = BatchOf(sequences);
        Tensor x = Embed(sequences);
        Place(sequences);
        RotaryTables rotary = Rotary();
        PagedAttention context = _context ??= new PagedAttention(rotary, store, batch)
        {
            PictureRows = _positions.PictureRows,
        };
        context.Renew(rotary, store, batch);
        Tensor hidden = decoder.ForwardStep(backend, x, context);
        return new StepOutput(scope.Keep(LastLogits(hidden, batch)), scope.Keep(hidden));
    }

    /// <summary>Embeddings of all rows of a step. Shape: [rows, hidden].</summary>
    public Tensor Embed(IReadOnlyList<StepSequence> sequences)
    {
        _parts.Clear();
        _indices.Clear();
        for (int s = 0; s < sequences.Count; s++)
        {
            StepSequence sequence = sequences[s];
            ReadOnlySpan<int> slots = sequence.Slots.Span.Slice(sequence.Start, sequence.Count);
            for (int i = 0; i < slots.Length;)
            {
                if (slots[i] >= 0)
                {
                    _indices.Add(slots[i++]);
                    continue;
                }

                FlushTokens();
                for (; i < slots.Length && slots[i] < 0; i++)
                {
                    _indices.Add(~slots[i]);
                }

                IImageEncoding image = sequence.Image ?? throw new ArgumentException(
                    "A sequence has slots of a picture, but no picture was given.");
                _parts.Add(backend.Gather(rowsOf(image), CollectionsMarshal.AsSpan(_indices)));
                _indices.Clear();
            }
        }

        FlushTokens();
        return _parts.Count == 1 ? _parts[0] : backend.Concat(0, CollectionsMarshal.AsSpan(_parts));
    }

    private PagedBatch BatchOf(IReadOnlyList<StepSequence> sequences)
    {
        _rows.Clear();
        int start = 0;
        for (int i = 0; i < sequences.Count; i++)
        {
            StepSequence sequence = sequences[i];
            _rows.Add(new PagedSequence(sequence.Pages, start, sequence.Count, sequence.Start,
                sequence.Prompt.FullStart, sequence.Prompt.FullEnd));
            start += sequence.Count;
        }

        return _batch ??= new PagedBatch { Sequences = _rows };
    }

    private void Place(IReadOnlyList<StepSequence> sequences)
    {
        _positions.Clear();
        for (int s = 0; s < sequences.Count; s++)
        {
            place(sequences[s], _positions);
        }
    }

    private RotaryTables Rotary()
    {
        Span<int> rows = CollectionsMarshal.AsSpan(_positions.Rows);
        Span<int> columns = _positions.Columns.Count == 0 ? rows : CollectionsMarshal.AsSpan(_positions.Columns);
        return RotaryTables.ForAxes(backend, rows, columns, decoder.Config.HeadSize, decoder.Config.RopeTheta);
    }

    // Logits of each sequence's last row. Shape: [sequences, vocabulary].
    private Tensor LastLogits(Tensor hidden, PagedBatch batch)
    {
        _indices.Clear();
        for (int i = 0; i < batch.Sequences.Count; i++)
        {
            _indices.Add(batch.Sequences[i].RowStart + batch.Sequences[i].RowCount - 1);
        }

        return decoder.Logits(backend, backend.Gather(hidden, CollectionsMarshal.AsSpan(_indices)));
    }

    private void FlushTokens()
    {
        if (_indices.Count > 0)
        {
            _parts.Add(decoder.Embed(backend, CollectionsMarshal.AsSpan(_indices)));
            _indices.Clear();
        }
    }
}
