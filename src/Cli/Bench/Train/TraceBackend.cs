using PixSearch.Tensors;

namespace PixSearch.Cli.Bench.Train;

/// <summary>
/// Writes down the operations of a forward pass while another backend computes them, so that a peer can run the same
/// ones. Ends at the first operation that only a backward pass has.
/// </summary>
internal sealed partial class TraceBackend(IGradientBackend inner) : IGradientBackend
{
    private readonly Dictionary<Tensor, int> _ids = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(TensorStorage Storage, int Offset, int Count), int> _places = [];
    private readonly Dictionary<Weight, int> _weights = new(ReferenceEqualityComparer.Instance);
    private bool _ended;

    /// <summary>The operations so far.</summary>
    public List<TraceOp> Ops { get; } = [];

    /// <summary>The weights that they read, by number.</summary>
    public List<TraceWeight> Weights { get; } = [];

    /// <inheritdoc/>
    public string Name => inner.Name;

    /// <inheritdoc/>
    public Tensor Empty(Shape shape) => inner.Empty(shape);

    /// <inheritdoc/>
    public Tensor Zeros(Shape shape) => Note("Constant", inner.Zeros(shape), []);

    /// <inheritdoc/>
    public Tensor From(ReadOnlySpan<float> elements, Shape shape) =>
        Note("Constant", inner.From(elements, shape), []);

    /// <inheritdoc/>
    public void Read(Tensor source, Span<float> destination) => inner.Read(source, destination);

    /// <inheritdoc/>
    public Tensor Use(Weight weight) => Note("Use", inner.Use(weight), [], [weight]);

    /// <inheritdoc/>
    public Tensor Reshape(Tensor x, Shape shape) => Note("Reshape", inner.Reshape(x, shape), [x]);

    /// <inheritdoc/>
    public Tensor Permute(Tensor x, params ReadOnlySpan<int> axes) =>
        Note("Permute", inner.Permute(x, axes), [x], numbers: axes);

    /// <inheritdoc/>
    public Tensor Concat(int axis, params ReadOnlySpan<Tensor> parts) =>
        Note("Concat", inner.Concat(axis, parts), [.. parts], numbers: [axis]);

    /// <inheritdoc/>
    public Tensor Slice(Tensor x, int axis, int start, int length) =>
        Note("Slice", inner.Slice(x, axis, start, length), [x], numbers: [axis, start, length]);

    /// <inheritdoc/>
    public Tensor Pad(Tensor x, int axis, int before, int after) =>
        Note("Pad", inner.Pad(x, axis, before, after), [x], numbers: [axis, before, after]);

    /// <inheritdoc/>
    public Tensor Gather(Tensor table, ReadOnlySpan<int> indices) =>
        Note("Gather", inner.Gather(table, indices), [table], numbers: indices);

    /// <inheritdoc/>
    public Tensor Embedding(Weight table, ReadOnlySpan<int> indices) =>
        Note("Embedding", inner.Embedding(table, indices), [], [table], indices);

    /// <inheritdoc/>
    public Tensor Add(Tensor a, Tensor b) => Note("Add", inner.Add(a, b), [a, b]);

    /// <inheritdoc/>
    public Tensor Subtract(Tensor a, Tensor b) => Note("Subtract", inner.Subtract(a, b), [a, b]);

    /// <inheritdoc/>
    public Tensor Multiply(Tensor a, Tensor b) => Note("Multiply", inner.Multiply(a, b), [a, b]);

    /// <inheritdoc/>
    public Tensor Affine(Tensor x, float scale, float shift = 0) =>
        Note("Affine", inner.Affine(x, scale, shift), [x], scalars: [scale, shift]);

    /// <inheritdoc/>
    public Tensor Unary(Tensor x, UnaryOp op) => Note(op.ToString(), inner.Unary(x, op), [x]);

    /// <inheritdoc/>
    public Tensor SwiGlu(Tensor gate, Tensor up) => Note("SwiGlu", inner.SwiGlu(gate, up), [gate, up]);

    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, Weight? bias = null) =>
        Note("Linear", inner.Linear(x, weight, bias), [x], bias is null ? [weight] : [weight, bias]);

    /// <inheritdoc/>
    public Tensor MatMul(Tensor a, Tensor b, bool transposeA = false, bool transposeB = false) =>
        Note("MatMul", inner.MatMul(a, b, transposeA, transposeB), [a, b],
            numbers: [transposeA ? 1 : 0, transposeB ? 1 : 0]);

    /// <inheritdoc/>
    public Tensor RmsNorm(Tensor x, Weight scale, float epsilon) =>
        Note("RmsNorm", inner.RmsNorm(x, scale, epsilon), [x], [scale], scalars: [epsilon]);

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight scale, Weight shift, float epsilon) =>
        Note("LayerNorm", inner.LayerNorm(x, scale, shift, epsilon), [x], [scale, shift], scalars: [epsilon]);

    /// <inheritdoc/>
    public Tensor ChannelNorm(Tensor x, Weight scale, Weight shift, float epsilon) =>
        Note("ChannelNorm", inner.ChannelNorm(x, scale, shift, epsilon), [x], [scale, shift], scalars: [epsilon]);

    /// <inheritdoc/>
    public Tensor Softmax(Tensor x) => Note("Softmax", inner.Softmax(x), [x]);

    /// <inheritdoc/>
    public Tensor Rotate(Tensor x, Tensor cos, Tensor sin) => Note("Rotate", inner.Rotate(x, cos, sin), [x, cos, sin]);

    /// <inheritdoc/>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionMask mask, float scale)
    {
        Tensor y = inner.Attention(q, k, v, mask, scale);
        List<Tensor> inputs = [q, k, v];
        inputs.AddRange(new[] { mask.KeyValid, mask.BiasRows, mask.BiasColumns }.OfType<Tensor>());
        return Note("Attention", y, [.. inputs], scalars: [scale],
            numbers: [mask.Causal ? 1 : 0, mask.FullStart, mask.FullEnd, mask.KeyValid is null ? 0 : 1,
                mask.BiasRows is null ? 0 : 1]);
    }

    /// <inheritdoc/>
    public Tensor KvPages(Shape shape, KvType type) => inner.KvPages(shape, type);

    /// <inheritdoc/>
    public void AppendKv(KvStore store, int layer, Tensor k, Tensor v, PagedBatch batch) =>
        inner.AppendKv(store, layer, k, v, batch);

    /// <inheritdoc/>
    public Tensor PagedAttention(Tensor q, KvStore store, int layer, PagedBatch batch, float scale) =>
        throw new NotSupportedException("Training does not attend over pages.");

    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, Weight? bias, int stride, int padding, int groups = 1) =>
        Note("Conv2d", inner.Conv2d(x, weight, bias, stride, padding, groups), [x],
            bias is null ? [weight] : [weight, bias], [stride, padding, groups]);

    /// <inheritdoc/>
    public Tensor ConvTranspose2d(Tensor x, Weight weight, Weight? bias, int stride) =>
        Note("ConvTranspose2d", inner.ConvTranspose2d(x, weight, bias, stride), [x],
            bias is null ? [weight] : [weight, bias], [stride]);

    /// <inheritdoc/>
    public Tensor Resize(Tensor x, int height, int width, ResizeMode mode) =>
        Note("Resize", inner.Resize(x, height, width, mode), [x],
            numbers: [height, width, mode == ResizeMode.Bilinear ? 1 : 0]);

    /// <inheritdoc/>
    public Tensor Sum(Tensor x, int axis) => Note("Sum", inner.Sum(x, axis), [x], numbers: [axis]);

    /// <inheritdoc/>
    public Tensor Mean(Tensor x, int axis) => Note("Mean", inner.Mean(x, axis), [x], numbers: [axis]);

    /// <inheritdoc/>
    public int[] ArgMax(Tensor x) => inner.ArgMax(x);

    /// <inheritdoc/>
    public void Dispose()
    {
        _ids.Clear();
        _places.Clear();
    }

    private Tensor Note(string op, Tensor y, Tensor[] inputs, Weight[]? weights = null,
        ReadOnlySpan<int> numbers = default, float[]? scalars = null)
    {
        if (!_ended)
        {
            int[] from = [.. inputs.Select(IdOf)];
            int[] read = [.. (weights ?? []).Select(IdOf)];
            int id = Ops.Count;
            Ops.Add(new TraceOp(op, from, read, numbers.ToArray(), scalars ?? [], y.Shape.ToArray()));
            Remember(y, id);
        }

        return y;
    }

    // A tensor that was made outside of all operations is a constant, or a view of one that was noted.
    private int IdOf(Tensor tensor)
    {
        if (_ids.TryGetValue(tensor, out int id))
        {
            return id;
        }

        bool known = _places.TryGetValue((tensor.Storage, tensor.Offset, tensor.Count), out int source);
        id = Ops.Count;
        Ops.Add(new TraceOp(known ? "Reshape" : "Constant", known ? [source] : [], [], [], [], tensor.Shape.ToArray()));
        Remember(tensor, id);
        return id;
    }

    private int IdOf(Weight weight)
    {
        if (!_weights.TryGetValue(weight, out int id))
        {
            id = Weights.Count;
            _weights.Add(weight, id);
            Weights.Add(new TraceWeight(weight.Name, weight.Shape.ToArray(), weight.Trainable));
        }

        return id;
    }

    private void Remember(Tensor tensor, int id)
    {
        _ids[tensor] = id;
        _places[(tensor.Storage, tensor.Offset, tensor.Count)] = id;
    }
}

/// <summary>One operation; its place in the list is the number of its result.</summary>
/// <param name="Op">Name.</param>
/// <param name="Inputs">Numbers of its sources.</param>
/// <param name="Weights">Numbers of its weights.</param>
/// <param name="Numbers">Axes, sizes, indices.</param>
/// <param name="Scalars">Factors.</param>
/// <param name="Shape">Shape of the result.</param>
internal sealed record TraceOp(string Op, int[] Inputs, int[] Weights, int[] Numbers, float[] Scalars, int[] Shape);

/// <summary>A weight of a trace.</summary>
/// <param name="Name">Name in the checkpoint.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Trainable">Whether it learns.</param>
internal sealed record TraceWeight(string Name, int[] Shape, bool Trainable);
