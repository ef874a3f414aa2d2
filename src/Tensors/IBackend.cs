namespace PixSearch.Tensors;

/// <summary>Element-wise functions of one argument.</summary>
public enum UnaryOp
{
    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>x * Phi(x), with the exact normal distribution function (erf).</summary>
    Gelu,

    /// <summary>x * sigmoid(1.702 x), CLIP's.</summary>
    QuickGelu,

    /// <summary>x * sigmoid(x).</summary>
    Silu,

    /// <summary>1 / (1 + exp(-x)).</summary>
    Sigmoid,

    /// <summary>Hyperbolic tangent.</summary>
    Tanh,

    /// <summary>e^x.</summary>
    Exp,
}

/// <summary>How <see cref="IBackend.Resize"/> samples. Both use half-pixel centres (align_corners = false).</summary>
public enum ResizeMode
{
    /// <summary>Linear between the four neighbours, clamped at the border.</summary>
    Bilinear,

    /// <summary>PyTorch's "nearest": source index = floor(i * in / out).</summary>
    Nearest,
}

/// <summary>
/// The operations that models are written in. Every result is a new contiguous tensor in the innermost
/// <see cref="TensorScope"/>,
/// unless it says "view"; sources are never changed. Wrong shapes throw <see cref="ArgumentException"/> that names
/// the op, the shapes and the rule. A backend is used by one thread at a time.
/// </summary>
public interface IBackend : IDisposable
{
    /// <summary>For messages and reports, for example <c>cpu/avx512</c>.</summary>
    string Name { get; }

    // ---- making and reading
    // -------------------------------------------------------------------------------------------

    /// <summary>A tensor whose elements are not set.</summary>
    Tensor Empty(Shape shape);

    /// <summary>A tensor of zeros.</summary>
    Tensor Zeros(Shape shape);

    /// <summary>A tensor with these elements, row-major.</summary>
    Tensor From(ReadOnlySpan<float> elements, Shape shape);

    /// <summary>Copies the elements to host memory.</summary>
    void Read(Tensor source, Span<float> destination);

    /// <summary>A weight as an F32 tensor: a view where it is stored so, else a widened copy.</summary>
    Tensor Use(Weight weight);

    /// <summary>
    /// A weight whose numbers are read in pieces, in ascending order and each once, so that they need not all be in
    /// memory as F32.
    /// </summary>
    /// <param name="name">Name in the checkpoint.</param>
    /// <param name="shape">Its sizes.</param>
    /// <param name="packed">
    /// How a matrix that only <see cref="Linear"/> and <see cref="Embedding"/> read may be stored; null for plain F32.
    /// A backend that cannot store it so keeps F32.
    /// </param>
    /// <param name="read">Gives the numbers, row-major.</param>
    Weight Load(string name, Shape shape, WeightType? packed, WeightReader read)
    {
        float[] numbers = new float[shape.Count];
        read(0, numbers);
        return new Weight(name, From(numbers, shape));
    }

    // ---- shape
    // --------------------------------------------------------------------------------------------------------

    /// <summary>The same elements in another shape: a view.</summary>
    Tensor Reshape(Tensor x, Shape shape);

    /// <summary>Dimensions in another order: result dimension i is source dimension <c>axes[i]</c>.</summary>
    Tensor Permute(Tensor x, params ReadOnlySpan<int> axes);

    /// <summary>Joined along an axis; all other sizes agree.</summary>
    Tensor Concat(int axis, params ReadOnlySpan<Tensor> parts);

    /// <summary>A range along an axis; along axis 0 a view.</summary>
    Tensor Slice(Tensor x, int axis, int start, int length);

    /// <summary>Zeros added before and after along an axis.</summary>
    Tensor Pad(Tensor x, int axis, int before, int after);

    /// <summary>Rows of a table. Shapes: table [rows, ...], result [indices, ...]. A negative index gives a row of
    /// zeros.</summary>
    Tensor Gather(Tensor table, ReadOnlySpan<int> indices);

    /// <summary>Rows of a weight: token embeddings. Shapes: table [rows, width], result [indices, width].</summary>
    Tensor Embedding(Weight table, ReadOnlySpan<int> indices);

    // ---- arithmetic; shapes agree from the right, sizes equal or 1
    // -------------------------------------------------------

    /// <summary>a + b.</summary>
    Tensor Add(Tensor a, Tensor b);

    /// <summary>a - b.</summary>
    Tensor Subtract(Tensor a, Tensor b);

    /// <summary>a * b, element-wise.</summary>
    Tensor Multiply(Tensor a, Tensor b);

    /// <summary>scale * x + shift.</summary>
    Tensor Affine(Tensor x, float scale, float shift = 0);

    /// <summary>f(x), element-wise.</summary>
    Tensor Unary(Tensor x, UnaryOp op);

    /// <summary>silu(gate) * up.</summary>
    Tensor SwiGlu(Tensor gate, Tensor up);

    // ---- linear algebra
    // -------------------------------------------------------------------------------------------------

    /// <summary>x W^T + b. Shapes: x [..., in], weight [out, in], bias [out] or null, result [..., out].</summary>
    Tensor Linear(Tensor x, Weight weight, Weight? bias = null);

    /// <summary>
    /// Product of matrices, batched over the leading dimensions, which agree or are absent on one side. Shapes: a
    /// [.., m, k] (or [.., k, m] when transposed), b [.., k, n] (or [.., n, k]), result [.., m, n].
    /// </summary>
    Tensor MatMul(Tensor a, Tensor b, bool transposeA = false, bool transposeB = false);

    // ---- norms
    // ----------------------------------------------------------------------------------------------------------

    /// <summary>x / sqrt(mean(x^2) + epsilon) * scale over the innermost dimension.</summary>
    Tensor RmsNorm(Tensor x, Weight scale, float epsilon);

    /// <summary>(x - mean) / sqrt(variance + epsilon) * scale + shift over the innermost dimension.</summary>
    Tensor LayerNorm(Tensor x, Weight scale, Weight shift, float epsilon);

    /// <summary>LayerNorm over the channels of [batch, channels, height, width] at each pixel (SAM's
    /// LayerNorm2d).</summary>
    Tensor ChannelNorm(Tensor x, Weight scale, Weight shift, float epsilon);

    /// <summary>exp(x - max) / sum over the innermost dimension.</summary>
    Tensor Softmax(Tensor x);

    // ---- attention
    // ------------------------------------------------------------------------------------------------------

    /// <summary>
    /// Rotary embedding in "rotate half" form: <c>x * cos + rotateHalf(x) * sin</c>. Shapes: x [batch, tokens,
    /// heads, size], cos and sin [tokens, size] or [batch * tokens, size] (M-RoPE is just other tables).
    /// </summary>
    Tensor Rotate(Tensor x, Tensor cos, Tensor sin);

    /// <summary>
    /// softmax(q k^T * scale + bias) v under a mask. Shapes: q [batch, queries, heads, size], k and v [batch, keys,
    /// kvHeads, size] with heads a multiple of kvHeads, result [batch, queries, heads, size].
    /// </summary>
    Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionMask mask, float scale);

    /// <summary>
    /// Memory of pages, zeros. Shape: [pages, positions, kvHeads, size], size even for BF16. How numbers lie in it is
    /// the backend's own business: only <see cref="AppendKv"/> and <see cref="PagedAttention"/> look into it.
    /// </summary>
    Tensor KvPages(Shape shape, KvType type);

    /// <summary>
    /// Writes keys and values of this step into the pages. Shapes: k and v [rows, kvHeads, size], rows as in the batch.
    /// </summary>
    void AppendKv(KvStore store, int layer, Tensor k, Tensor v, PagedBatch batch);

    /// <summary>
    /// Causal attention of this step's rows over their sequences' pages (which already hold this step's keys). Shapes:
    /// q [rows, heads, size], result the same.
    /// </summary>
    Tensor PagedAttention(Tensor q, KvStore store, int layer, PagedBatch batch, float scale);

    // ---- pictures: [batch, channels, height, width]
    // ---------------------------------------------------------------------

    /// <summary>Convolution. Shapes: weight [out, in / groups, kh, kw], bias [out] or null.</summary>
    Tensor Conv2d(Tensor x, Weight weight, Weight? bias, int stride, int padding, int groups = 1);

    /// <summary>Transposed convolution without padding. Shapes: weight [in, out, kh, kw], bias [out] or null.</summary>
    Tensor ConvTranspose2d(Tensor x, Weight weight, Weight? bias, int stride);

    /// <summary>Resampled to a height and width.</summary>
    Tensor Resize(Tensor x, int height, int width, ResizeMode mode);

    // ---- reductions
    // -----------------------------------------------------------------------------------------------------

    /// <summary>Sum over an axis, which is removed.</summary>
    Tensor Sum(Tensor x, int axis);

    /// <summary>Mean over an axis, which is removed.</summary>
    Tensor Mean(Tensor x, int axis);

    /// <summary>Index of the first largest element along the innermost dimension, one per row.</summary>
    int[] ArgMax(Tensor x);
}
