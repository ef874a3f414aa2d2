using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Text;

/// <summary>
/// LLaMA-type decoder (Touvron et al. 2023; Qwen2 with <see cref="LlamaConfig.AttentionBias"/>): layers, a final
/// RMSNorm, and an
/// output layer that may be the embedding table. Weights: <c>model.embed_tokens</c>, <c>model.layers.{i}</c>,
/// <c>model.norm</c>,
/// <c>lm_head</c>.
/// </summary>
public sealed class Llama
{
    private readonly LlamaLayer[] _layers;
    private readonly RmsNorm _norm;
    private readonly Weight _embedding;
    private readonly Weight _head;

    /// <summary>A decoder; <paramref name="weights"/> is the scope that holds <c>model</c> and
    /// <c>lm_head</c>.</summary>
    public Llama(WeightScope weights, LlamaConfig config)
    {
        Config = config.Validate();
        WeightScope model = weights["model"];
        var tableShape = new Shape(config.VocabSize, config.HiddenSize);

        // A table that is the output layer too starts with scores of unit variance (h has unit mean square): with 0.02
        // a small model would spend its first thousand steps growing the table before it can copy a token.
        float deviation = config.TieWordEmbeddings ? 1 / MathF.Sqrt(config.HiddenSize) : 0.02f;
        _embedding = model["embed_tokens"].Get("weight", tableShape,
            WeightInit.Normal(deviation) with { Use = WeightUse.Table });
        _layers = new LlamaLayer[config.NumHiddenLayers];
        for (int i = 0; i < _layers.Length; i++)
        {
            _layers[i] = new LlamaLayer(model["layers"][i], i, config);
        }

        _norm = new RmsNorm(model["norm"], config.HiddenSize, config.RmsNormEps);
        _head = config.TieWordEmbeddings
            ? _embedding
            : weights["lm_head"].Get("weight", tableShape, WeightInit.Normal(0.02f) with { Use = WeightUse.Matrix });
    }

    /// <summary>The sizes.</summary>
    public LlamaConfig Config { get; }

    /// <summary>Embeddings of tokens; a negative id gives zeros. Shape of the result: [ids, hidden].</summary>
    public Tensor Embed(IBackend backend, ReadOnlySpan<int> ids) => backend.Embedding(_embedding, ids);

    /// <summary>Rotary tables for positions [start, start + count).</summary>
    public RotaryTables Rotary(IBackend backend, int start, int count) =>
        RotaryTables.ForRange(backend, start, count, Config.HeadSize, Config.RopeTheta);

    /// <summary>
    /// Hidden states after the final norm of whole sequences that start at position 0. Shapes: x [batch, tokens,
    /// hidden] (embeddings), result the same.
    /// </summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="x">Embeddings of tokens and pictures.</param>
    /// <param name="mask">Usually <see cref="AttentionMask.CausalOnly"/>; pad at the right, then causal hides the
    /// padding.</param>
    public Tensor ForwardSequence(IBackend backend, Tensor x, AttentionMask mask) =>
        Forward(backend, x, new SequenceAttention(Rotary(backend, 0, x.Size(1)), mask));

    /// <summary>
    /// Hidden states after the final norm of one step over paged sequences, whose keys and values are added to the
    /// pages.
    /// Shapes: x [rows, hidden], result the same.
    /// </summary>
    public Tensor ForwardStep(IBackend backend, Tensor x, KvStore store, PagedBatch batch)
    {
        int[] positions = new int[batch.RowCount];
        foreach (PagedSequence sequence in batch.Sequences)
        {
            for (int i = 0; i < sequence.RowCount; i++)
            {
                positions[sequence.RowStart + i] = sequence.Start + i;
            }
        }

        var rotary = RotaryTables.ForPositions(backend, positions, Config.HeadSize, Config.RopeTheta);
        return ForwardStep(backend, x, new PagedAttention(rotary, store, batch));
    }

    /// <summary>The same with rotary tables of the caller's. Shapes: x [rows, hidden], result the same.</summary>
    public Tensor ForwardStep(IBackend backend, Tensor x, PagedAttention context)
    {
        Tensor batched = backend.Reshape(x, new Shape(1, x.Size(0), x.Size(1)));
        return backend.Reshape(Forward(backend, batched, context), x.Shape);
    }

    /// <summary>Layers and final norm. Shapes: x [batch, tokens, hidden], result the same.</summary>
    public Tensor Forward(IBackend backend, Tensor x, AttentionContext context)
    {
        using var scope = new TensorScope();
        foreach (LlamaLayer layer in _layers)
        {
            x = layer.Forward(backend, x, context);
        }

        return scope.Keep(_norm.Forward(backend, x));
    }

    /// <summary>Scores of the next token. Shapes: hidden [..., hidden], result [..., vocabulary].</summary>
    public Tensor Logits(IBackend backend, Tensor hidden) => backend.Linear(hidden, _head);

    /// <summary>A page store of this decoder's sizes.</summary>
    public KvStore CreateKvStore(IBackend backend, int pageCount, int pageSize, KvType type = KvType.F32) =>
        new(backend, Config.NumHiddenLayers, pageCount, pageSize, Config.KeyValueHeads, Config.HeadSize, type);
}
