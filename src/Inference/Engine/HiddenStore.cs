namespace PixSearch.Inference.Engine;

/// <summary>
/// Hidden states beside the key/value pages: the span tagger reads those of a whole session, also where a prefix came
/// from the cache, so they live and die with the page. Host memory, made when a page is first written.
/// </summary>
internal sealed class HiddenStore(int pageCount, int pageSize, int hiddenSize)
{
    private readonly float[]?[] _pages = new float[pageCount][];

    /// <summary>Writes rows at positions [start, start + rows). Shape of source: [rows, hidden].</summary>
    public void Write(ReadOnlySpan<float> source, ReadOnlySpan<int> pages, int start)
    {
        for (int done = 0; done * hiddenSize < source.Length;)
        {
            (int page, int offset) = Math.DivRem(start + done, pageSize);
            int rows = Math.Min(pageSize - offset, (source.Length / hiddenSize) - done);
            float[] target = _pages[pages[page]] ??= new float[pageSize * hiddenSize];
            source.Slice(done * hiddenSize, rows * hiddenSize).CopyTo(target.AsSpan(offset * hiddenSize));
            done += rows;
        }
    }

    /// <summary>Reads positions [0, count). Shape of destination: [count, hidden].</summary>
    public void Read(ReadOnlySpan<int> pages, int count, Span<float> destination)
    {
        for (int at = 0; at < count; at += pageSize)
        {
            int rows = Math.Min(pageSize, count - at);
            _pages[pages[at / pageSize]].AsSpan(0, rows * hiddenSize).CopyTo(destination[(at * hiddenSize)..]);
        }
    }
}
