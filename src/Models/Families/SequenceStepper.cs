using PixSearch.Models.Text;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>One step of several sequences through a decoder: the part of <see cref="ISegmentingModel.Step"/> that is
/// the same in the families whose pictures enter as rows of embeddings.</summary>
internal static class SequenceStepper
{
    /// <summary>Runs a step. <paramref name="rowsOf"/> gives a picture's rows [slots, hidden].</summary>
    public static StepOutput Step(IBackend backend, Llama decoder, IReadOnlyList<StepSequence> sequences, KvStore store,
        Func<IImageEncoding, Tensor> rowsOf)
    {
        using var scope = new TensorScope();
        PagedBatch batch = BatchOf(sequences);
        Tensor x = Embed(backend, decoder, sequences, rowsOf);
        Tensor hidden = decoder.ForwardStep(backend, x, store, batch);
        return new StepOutput(scope.Keep(LastLogits(backend, decoder, hidden, batch)), scope.Keep(hidden));
    }

    /// <summary>The sequences as rows of a step.</summary>
    public static PagedBatch BatchOf(IReadOnlyList<StepSequence> sequences)
    {
        var rows = new PagedSequence[sequences.Count];
        int start = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            StepSequence sequence = sequences[i];
            rows[i] = new PagedSequence(sequence.Pages, start, sequence.Count, sequence.Start,
                sequence.Prompt.FullStart, sequence.Prompt.FullEnd);
            start += sequence.Count;
        }

        return new PagedBatch { Sequences = rows };
    }

    /// <summary>Embeddings of all rows of a step. Shape: [rows, hidden].</summary>
    public static Tensor Embed(IBackend backend, Llama decoder, IReadOnlyList<StepSequence> sequences,
        Func<IImageEncoding, Tensor> rowsOf)
    {
        var parts = new List<Tensor>();
        var ids = new List<int>();
        foreach (StepSequence sequence in sequences)
        {
            ReadOnlySpan<int> slots = sequence.Slots.Span.Slice(sequence.Start, sequence.Count);
            for (int i = 0; i < slots.Length;)
            {
                if (slots[i] >= 0)
                {
                    ids.Add(slots[i++]);
                    continue;
                }

                Flush(backend, decoder, ids, parts);
                int end = i;
                while (end < slots.Length && slots[end] < 0)
                {
                    end++;
                }

                parts.Add(PictureRows(backend, sequence.Image, slots[i..end], rowsOf));
                i = end;
            }
        }

        Flush(backend, decoder, ids, parts);
        return parts.Count == 1 ? parts[0] : backend.Concat(0, [.. parts]);
    }

    /// <summary>Logits of each sequence's last row. Shape: [sequences, vocabulary].</summary>
    public static Tensor LastLogits(IBackend backend, Llama decoder, Tensor hidden, PagedBatch batch)
    {
        int[] last = new int[batch.Sequences.Count];
        for (int i = 0; i < last.Length; i++)
        {
            last[i] = batch.Sequences[i].RowStart + batch.Sequences[i].RowCount - 1;
        }

        return decoder.Logits(backend, backend.Gather(hidden, last));
    }

    private static void Flush(IBackend backend, Llama decoder, List<int> ids, List<Tensor> parts)
    {
        if (ids.Count > 0)
        {
            parts.Add(decoder.Embed(backend, [.. ids]));
            ids.Clear();
        }
    }

    private static Tensor PictureRows(IBackend backend, IImageEncoding? image, ReadOnlySpan<int> slots,
        Func<IImageEncoding, Tensor> rowsOf)
    {
        if (image is null)
        {
            throw new ArgumentException("A sequence has slots of a picture, but no picture was given.");
        }

        int[] rows = new int[slots.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = ~slots[i];
        }

        return backend.Gather(rowsOf(image), rows);
    }
}
