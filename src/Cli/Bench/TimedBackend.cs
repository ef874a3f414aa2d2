using System.Runtime.CompilerServices;
using PixSearch.Tensors;
using PixSearch.Tensors.Benchmarks;

namespace PixSearch.Cli.Bench;

/// <summary>
/// A backend that says where time goes: calls and time of each operation of another backend, which it does not own.
/// </summary>
internal sealed class TimedBackend(IBackend inner, BenchClock clock) : IBackend
{
    private readonly Dictionary<string, (int Calls, double Milliseconds)> _times = [];

    /// <summary>Calls and milliseconds of each operation since the last <see cref="Reset"/>, longest first.</summary>
    public IReadOnlyList<(string Name, int Calls, double Milliseconds)> Times =>
        [.. _times.Select(pair => (pair.Key, pair.Value.Calls, pair.Value.Milliseconds))
            .OrderByDescending(time => time.Item3)];

    /// <inheritdoc/>
    public string Name => inner.Name;

    /// <summary>Forgets what was measured.</summary>
    public void Reset() => _times.Clear();

    /// <inheritdoc/>
    public Tensor Empty(Shape shape) => inner.Empty(shape);

    /// <inheritdoc/>
    public Tensor Zeros(Shape shape)
    {
        double started = clock.Now;
        return Took(started, inner.Zeros(shape));
    }

    /// <inheritdoc/>
    public Tensor From(ReadOnlySpan<float> elements, Shape shape)
    {
        double started = clock.Now;
        return Took(started, inner.From(elements, shape));
    }

    /// <inheritdoc/>
    public void Read(Tensor source, Span<float> destination)
    {
        double started = clock.Now;
        inner.Read(source, destination);
        Took(started, source);
    }

    /// <inheritdoc/>
    public Tensor Use(Weight weight)
    {
        double started = clock.Now;
        return Took(started, inner.Use(weight));
    }

    /// <inheritdoc/>
    public Weight Load(string name, Shape shape, WeightType? packed, WeightReader read) =>
        inner.Load(name, shape, packed, read);

    /// <inheritdoc/>
    public Tensor Reshape(Tensor x, Shape shape)
    {
        double started = clock.Now;
        return Took(started, inner.Reshape(x, shape));
    }

    /// <inheritdoc/>
    public Tensor Permute(Tensor x, params ReadOnlySpan<int> axes)
    {
        double started = clock.Now;
        return Took(started, inner.Permute(x, axes));
    }

    /// <inheritdoc/>
    public Tensor Concat(int axis, params ReadOnlySpan<Tensor> parts)
    {
        double started = clock.Now;
        return Took(started, inner.Concat(axis, parts));
    }

    /// <inheritdoc/>
    public Tensor Slice(Tensor x, int axis, int start, int length)
    {
        double started = clock.Now;
        return Took(started, inner.Slice(x, axis, start, length));
    }

    /// <inheritdoc/>
    public Tensor Pad(Tensor x, int axis, int before, int after)
    {
        double started = clock.Now;
        return Took(started, inner.Pad(x, axis, before, after));
    }

    /// <inheritdoc/>
    public Tensor Gather(Tensor table, ReadOnlySpan<int> indices)
    {
        double started = clock.Now;
        return Took(started, inner.Gather(table, indices));
    }

    /// <inheritdoc/>
    public Tensor Embedding(Weight table, ReadOnlySpan<int> indices)
    {
        double started = clock.Now;
        return Took(started, inner.Embedding(table, indices));
    }

    /// <inheritdoc/>
    public Tensor Add(Tensor a, Tensor b)
    {
        double started = clock.Now;
        return Took(started, inner.Add(a, b));
    }

    /// <inheritdoc/>
    public Tensor Subtract(Tensor a, Tensor b)
    {
        double started = clock.Now;
        return Took(started, inner.Subtract(a, b));
    }

    /// <inheritdoc/>
    public Tensor Multiply(Tensor a, Tensor b)
    {
        double started = clock.Now;
        return Took(started, inner.Multiply(a, b));
    }

    /// <inheritdoc/>
    public Tensor Affine(Tensor x, float scale, float shift = 0)
    {
        double started = clock.Now;
        return Took(started, inner.Affine(x, scale, shift));
    }

    /// <inheritdoc/>
    public Tensor Unary(Tensor x, UnaryOp op)
    {
        double started = clock.Now;
        return Took(started, inner.Unary(x, op), op.ToString());
    }

    /// <inheritdoc/>
    public Tensor SwiGlu(Tensor gate, Tensor up)
    {
        double started = clock.Now;
        return Took(started, inner.SwiGlu(gate, up));
    }

    /// <inheritdoc/>
    public Tensor Linear(Tensor x, Weight weight, Weight? bias = null)
    {
        double started = clock.Now;
        return Took(started, inner.Linear(x, weight, bias));
    }

    /// <inheritdoc/>
    public Tensor MatMul(Tensor a, Tensor b, bool transposeA = false, bool transposeB = false)
    {
        double started = clock.Now;
        return Took(started, inner.MatMul(a, b, transposeA, transposeB));
    }

    /// <inheritdoc/>
    public Tensor RmsNorm(Tensor x, Weight scale, float epsilon)
    {
        double started = clock.Now;
        return Took(started, inner.RmsNorm(x, scale, epsilon));
    }

    /// <inheritdoc/>
    public Tensor LayerNorm(Tensor x, Weight scale, Weight shift, float epsilon)
    {
        double started = clock.Now;
        return Took(started, inner.LayerNorm(x, scale, shift, epsilon));
    }

    /// <inheritdoc/>
    public Tensor ChannelNorm(Tensor x, Weight scale, Weight shift, float epsilon)
    {
        double started = clock.Now;
        return Took(started, inner.ChannelNorm(x, scale, shift, epsilon));
    }

    /// <inheritdoc/>
    public Tensor Softmax(Tensor x)
    {
        double started = clock.Now;
        return Took(started, inner.Softmax(x));
    }

    /// <inheritdoc/>
    public Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        double started = clock.Now;
        return Took(started, inner.Rotate(x, cos, sin));
    }

    /// <inheritdoc/>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionMask mask, float scale)
    {
        double started = clock.Now;
        return Took(started, inner.Attention(q, k, v, mask, scale));
    }

    /// <inheritdoc/>
    public Tensor KvPages(Shape shape, KvType type) => inner.KvPages(shape, type);

    /// <inheritdoc/>
    public void AppendKv(KvStore store, int layer, Tensor k, Tensor v, PagedBatch batch)
    {
        double started = clock.Now;
        inner.AppendKv(store, layer, k, v, batch);
        Took(started, k);
    }

    /// <inheritdoc/>
    public Tensor PagedAttention(Tensor q, KvStore store, int layer, PagedBatch batch, float scale)
    {
        double started = clock.Now;
        return Took(started, inner.PagedAttention(q, store, layer, batch, scale));
    }

    /// <inheritdoc/>
    public Tensor Conv2d(Tensor x, Weight weight, Weight? bias, int stride, int padding, int groups = 1)
    {
        double started = clock.Now;
        return Took(started, inner.Conv2d(x, weight, bias, stride, padding, groups),
            $"{weight.Shape[2]}x{weight.Shape[3]}");
    }

    /// <inheritdoc/>
    public Tensor ConvTranspose2d(Tensor x, Weight weight, Weight? bias, int stride)
    {
        double started = clock.Now;
        return Took(started, inner.ConvTranspose2d(x, weight, bias, stride));
    }

    /// <inheritdoc/>
    public Tensor Resize(Tensor x, int height, int width, ResizeMode mode)
    {
        double started = clock.Now;
        return Took(started, inner.Resize(x, height, width, mode));
    }

    /// <inheritdoc/>
    public Tensor Sum(Tensor x, int axis)
    {
        double started = clock.Now;
        return Took(started, inner.Sum(x, axis));
    }

    /// <inheritdoc/>
    public Tensor Mean(Tensor x, int axis)
    {
        double started = clock.Now;
        return Took(started, inner.Mean(x, axis));
    }

    /// <inheritdoc/>
    public int[] ArgMax(Tensor x)
    {
        double started = clock.Now;
        int[] result = inner.ArgMax(x);
        Took(started, x);
        return result;
    }

    /// <summary>Nothing: the inner backend is the caller's.</summary>
    public void Dispose()
    {
    }

    private Tensor Took(double started, Tensor result, string detail = "", [CallerMemberName] string name = "")
    {
        double took = clock.Now - started;
        string key = detail.Length == 0 ? name : $"{name} {detail}";
        (int calls, double sum) = _times.GetValueOrDefault(key);
        _times[key] = (calls + 1, sum + took);
        return result;
    }
}
