using PixSearch.Tensors;

namespace PixSearch.Models.Text;

/// <summary>How a decoder layer attends in this call: over the sequence itself, or over cached pages.</summary>
public abstract class AttentionContext
{
    /// <summary>A context for rows that these tables turn.</summary>
    protected AttentionContext(RotaryTables rotary) => Rotary = rotary;

    /// <summary>Rotary tables for the rows of this call.</summary>
    public RotaryTables Rotary { get; private protected set; }

    /// <summary>
    /// Rows (of batch and tokens laid one after the other) that show a picture, ascending: they go through the
    /// picture's weights of a decoder with <see cref="LlamaConfig.VisionTwin"/>.
    /// </summary>
    public IReadOnlyList<int> PictureRows { get; init; } = [];

    /// <summary>
    /// Attention of one layer. Shapes: q [batch, tokens, heads, size], k and v [batch, tokens, kvHeads, size], result
    /// as q.
    /// </summary>
    public abstract Tensor Attend(IBackend backend, int layer, Tensor q, Tensor k, Tensor v, float scale);
}

/// <summary>Whole sequences at once: training, parity tests, span tagging.</summary>
public sealed class SequenceAttention(RotaryTables rotary, AttentionMask mask) : AttentionContext(rotary)
{
    /// <inheritdoc/>
    public override Tensor Attend(IBackend backend, int layer, Tensor q, Tensor k, Tensor v, float scale) =>
        backend.Attention(q, k, v, mask, scale);
}

/// <summary>
/// One step of several sequences over paged keys and values; the batch dimension is 1 and the rows of all sequences lie
/// one after the other.
/// </summary>
public sealed class PagedAttention(RotaryTables rotary, KvStore store, PagedBatch batch) : AttentionContext(rotary)
{
    private KvStore _store = store;
    private PagedBatch _batch = batch;

    /// <summary>The context for the next step: steps follow each other without a new object.</summary>
    internal void Renew(RotaryTables rotary, KvStore store, PagedBatch batch) =>
        (Rotary, _store, _batch) = (rotary, store, batch);

    /// <inheritdoc/>
    public override Tensor Attend(IBackend backend, int layer, Tensor q, Tensor k, Tensor v, float scale)
    {
        backend.AppendKv(_store, layer, DropBatch(backend, k), DropBatch(backend, v), _batch);
        Tensor mixed = backend.PagedAttention(DropBatch(backend, q), _store, layer, _batch, scale);
        return backend.Reshape(mixed, q.Shape);
    }

    // [1, rows, heads, size] -> [rows, heads, size]
    private static Tensor DropBatch(IBackend backend, Tensor x) =>
        backend.Reshape(x, new Shape(x.Size(1), x.Size(2), x.Size(3)));
}
