using PixSearch.Models.Text;
using PixSearch.Tensors;

namespace PixSearch.Training.Nano;

/// <summary>
/// The part of a prompt that several questions share (begin token and picture): attends over itself and keeps keys and
/// values of every layer, so that <see cref="ContinuedAttention"/> can go on from it. Dispose after the questions'
/// forward pass.
/// </summary>
internal sealed class PrefixAttention(RotaryTables rotary) : AttentionContext(rotary), IDisposable
{
    private readonly List<(Tensor Keys, Tensor Values)> _layers = [];

    /// <summary>Keys and values of a layer. Shapes: [pictures, tokens, heads, size].</summary>
    public (Tensor Keys, Tensor Values) Layer(int index) => _layers[index];

    /// <inheritdoc/>
    public override Tensor Attend(IBackend backend, int layer, Tensor q, Tensor k, Tensor v, float scale)
    {
        // Aliases made through the backend, so that gradients flow back; the layer's own scope closes before they are
        // read.
        _layers.Add((TensorScope.Detach(backend.Reshape(k, k.Shape)), TensorScope.Detach(backend.Reshape(v, v.Shape))));
        return backend.Attention(q, k, v, AttentionMask.CausalOnly, scale);
    }

    public void Dispose()
    {
        foreach ((Tensor keys, Tensor values) in _layers)
        {
            keys.Dispose();
            values.Dispose();
        }

        _layers.Clear();
    }
}

/// <summary>
/// Questions behind a shared prefix: row r attends over the prefix of its picture and over itself, causally. Equal to
/// running prefix and question as one sequence, but the prefix is computed once a picture.
/// </summary>
internal sealed class ContinuedAttention(RotaryTables rotary, PrefixAttention prefix, int[] pictureOfRow)
    : AttentionContext(rotary)
{
    /// <inheritdoc/>
    public override Tensor Attend(IBackend backend, int layer, Tensor q, Tensor k, Tensor v, float scale)
    {
        (Tensor keys, Tensor values) = prefix.Layer(layer);
        keys = backend.Concat(1, backend.Gather(keys, pictureOfRow), k);
        values = backend.Concat(1, backend.Gather(values, pictureOfRow), v);
        return backend.Attention(q, keys, values, AttentionMask.CausalOnly, scale);
    }
}
