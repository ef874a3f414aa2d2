using PixSearch.Models.Text;
using PixSearch.Tensors;

namespace PixSearch.Cli.Bench.Decode;

/// <summary>The CPU engine under the benchmark.</summary>
internal sealed class OwnDecoder(CpuBackend backend, Llama model, KvType kv) : IDecoder
{
    private const int PageSize = 16;

    private KvStore? _pages;
    private int[][] _pagesOf = [];
    private float[] _logits = [];

    /// <inheritdoc/>
    public string Name => backend.Name;

    /// <inheritdoc/>
    public void Open(int sequences, int tokensEach)
    {
        Dispose();
        int each = (tokensEach + PageSize - 1) / PageSize;
        _pages = model.CreateKvStore(backend, each * sequences, PageSize, kv);
        _pagesOf = [.. Enumerable.Range(0, sequences).Select(s => Enumerable.Range(s * each, each).ToArray())];
    }

    /// <inheritdoc/>
    public int Prefill(int sequence, int start, ReadOnlySpan<int> tokens)
    {
        using var scope = TensorScope.Recycling();
        Tensor logits = Logits(tokens, [new PagedSequence(_pagesOf[sequence], 0, tokens.Length, start)]);
        _logits = new float[logits.Count];
        backend.Read(logits, _logits);
        return backend.ArgMax(logits)[0];
    }

    /// <inheritdoc/>
    public void Step(int position, ReadOnlySpan<int> tokens, Span<int> next)
    {
        using var scope = TensorScope.Recycling();
        var sequences = new PagedSequence[tokens.Length];
        for (int s = 0; s < sequences.Length; s++)
        {
            sequences[s] = new PagedSequence(_pagesOf[s], s, 1, position);
        }

        backend.ArgMax(Logits(tokens, sequences)).CopyTo(next);
    }

    /// <inheritdoc/>
    public float[] LastLogits() => _logits;

    /// <inheritdoc/>
    public void Dispose()
    {
        _pages?.Dispose();
        _pages = null;
    }

    private Tensor Logits(ReadOnlySpan<int> tokens, PagedSequence[] sequences)
    {
        Tensor hidden = model.ForwardStep(backend, model.Embed(backend, tokens), _pages!,
            new PagedBatch { Sequences = sequences });
        Span<int> last = stackalloc int[sequences.Length];
        for (int s = 0; s < last.Length; s++)
        {
            last[s] = sequences[s].RowStart + sequences[s].RowCount - 1;
        }

        return model.Logits(backend, backend.Gather(hidden, last));
    }
}
