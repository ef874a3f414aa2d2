using PixSearch.Tensors;

namespace PixSearch.Torch;

/// <summary>
/// Where the rows of a step stand in the pages, as numbers for the device. A step asks for the same in every layer, so
/// what was sent once is kept until another step comes.
/// </summary>
internal sealed class PagedPlan : IDisposable
{
    private readonly Func<long[], TorchTensor> _send;
    private readonly Dictionary<string, TorchTensor> _sent = new(StringComparer.Ordinal);

    /// <summary>Plans a step; <paramref name="send"/> copies indices to the device.</summary>
    public PagedPlan(PagedBatch batch, int pageSize, Func<long[], TorchTensor> send)
    {
        _send = send;
        PageSize = pageSize;
        Sequences = [.. batch.Sequences.Select(sequence => sequence with { Pages = sequence.Pages.ToArray() })];
        Single = [.. Sequences.Where(sequence => sequence.RowCount == 1)];
        PagesMax = Single.Count == 0 ? 0 : Single.Max(sequence => PagesOf(sequence));
        KeysMax = Single.Count == 0 ? 0 : Single.Max(sequence => sequence.Start + 1);
    }

    /// <summary>Positions in a page.</summary>
    public int PageSize { get; }

    /// <summary>All sequences, with pages of their own.</summary>
    public IReadOnlyList<PagedSequence> Sequences { get; }

    /// <summary>Sequences with one row: they decode, together.</summary>
    public IReadOnlyList<PagedSequence> Single { get; }

    /// <summary>Pages of the longest of them.</summary>
    public int PagesMax { get; }

    /// <summary>Keys of the longest of them.</summary>
    public int KeysMax { get; }

    /// <summary>Place in the store of each row. Shape: [rows].</summary>
    public TorchTensor Slots => Send("slots", () => [.. Sequences.SelectMany(sequence =>
        Enumerable.Range(sequence.Start, sequence.RowCount).Select(position =>
            ((long)sequence.Pages.Span[position / PageSize] * PageSize) + (position % PageSize)))]);

    /// <summary>Row of each decoding sequence. Shape: [single].</summary>
    public TorchTensor SingleRows => Send("rows", () => [.. Single.Select(sequence => (long)sequence.RowStart)]);

    /// <summary>Keys that each decoding row sees. Shape: [single].</summary>
    public TorchTensor SingleLimits => Send("limits", () => [.. Single.Select(sequence => sequence.Start + 1L)]);

    /// <summary>Pages of each decoding sequence, the first page filled in behind. Shape: [single * PagesMax].</summary>
    public TorchTensor SinglePages => Send("pages", () => [.. Single.SelectMany(sequence =>
        Enumerable.Range(0, PagesMax).Select(i =>
            (long)sequence.Pages.Span[i < PagesOf(sequence) ? i : 0]))]);

    /// <summary>Pages of one sequence.</summary>
    public TorchTensor Pages(int sequence) => Send($"pages {sequence}", () => [.. Enumerable
        .Range(0, PagesOf(Sequences[sequence])).Select(i => (long)Sequences[sequence].Pages.Span[i])]);

    /// <summary>Keys that each row of one sequence sees.</summary>
    public TorchTensor Limits(int sequence) => Send($"limits {sequence}", () =>
    {
        PagedSequence one = Sequences[sequence];
        int end = one.Start + one.RowCount;
        return [.. Enumerable.Range(one.Start, one.RowCount).Select(position =>
            (long)Math.Min(position >= one.FullStart && position < one.FullEnd ? one.FullEnd : position + 1, end))];
    });

    /// <summary>Whether it was made for the same step.</summary>
    public bool Fits(PagedBatch batch, int pageSize)
    {
        if (pageSize != PageSize || batch.Sequences.Count != Sequences.Count)
        {
            return false;
        }

        for (int i = 0; i < Sequences.Count; i++)
        {
            PagedSequence a = Sequences[i];
            PagedSequence b = batch.Sequences[i];
            if (a with { Pages = default } != b with { Pages = default } || !a.Pages.Span.SequenceEqual(b.Pages.Span))
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (TorchTensor tensor in _sent.Values)
        {
            tensor.Dispose();
        }

        _sent.Clear();
    }

    private int PagesOf(in PagedSequence sequence) =>
        (sequence.Start + sequence.RowCount + PageSize - 1) / PageSize;

    private TorchTensor Send(string name, Func<long[]> numbers)
    {
        if (!_sent.TryGetValue(name, out TorchTensor? tensor))
        {
            tensor = _send(numbers()).DetachFromDisposeScope();
            _sent.Add(name, tensor);
        }

        return tensor;
    }
}
