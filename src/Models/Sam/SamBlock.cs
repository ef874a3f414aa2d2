using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Sam;

/// <summary>
/// A block of SAM's image encoder: <c>x += attend(norm1 x)</c> inside windows (zero-padded at the right and bottom) or
/// over the whole grid, then <c>x += lin2(gelu(lin1(norm2 x)))</c>. LayerNorm epsilon is 1e-6.
/// </summary>
public sealed class SamBlock
{
    private const float Epsilon = 1e-6f;

    private readonly LayerNorm _norm1;
    private readonly LayerNorm _norm2;
    private readonly SamAttention _attention;
    private readonly Dense _mlp1;
    private readonly Dense _mlp2;

    /// <summary>A block; <paramref name="window"/> 0 attends over the whole grid.</summary>
    public SamBlock(WeightScope weights, SamConfig config, int window)
    {
        Window = window;
        int width = config.EmbedDim;
        var init = WeightInit.Normal(0.02f);
        _norm1 = new LayerNorm(weights["norm1"], width, Epsilon);
        _attention = new SamAttention(weights["attn"], width, config.NumHeads, window == 0 ? config.Grid : window);
        _norm2 = new LayerNorm(weights["norm2"], width, Epsilon);
        _mlp1 = new Dense(weights["mlp"]["lin1"], width, width * config.MlpRatio, init: init);
        _mlp2 = new Dense(weights["mlp"]["lin2"], width * config.MlpRatio, width, init: init);
    }

    /// <summary>Side of the windows; 0 when the block attends over the whole grid.</summary>
    public int Window { get; }

    /// <summary>Shapes: x [batch, height, width, channels], result the same.</summary>
    public Tensor Forward(IBackend backend, Tensor x)
    {
        using var scope = new TensorScope();
        Tensor normed = _norm1.Forward(backend, x);
        Tensor mixed = Window == 0 ? _attention.Forward(backend, normed) : AttendInWindows(backend, normed);
        return scope.Keep(Finish(backend, x, mixed));
    }

    /// <summary>The same for tokens that lie window by window already. Shapes: x [windows, window, window, channels],
    /// result the same.</summary>
    public Tensor ForwardWindows(IBackend backend, Tensor x)
    {
        using var scope = new TensorScope();
        return scope.Keep(Finish(backend, x, _attention.Forward(backend, _norm1.Forward(backend, x))));
    }

    private Tensor Finish(IBackend backend, Tensor x, Tensor mixed)
    {
        x = backend.Add(x, mixed);
        Tensor inner = backend.Unary(_mlp1.Forward(backend, _norm2.Forward(backend, x)), UnaryOp.Gelu);
        return backend.Add(x, _mlp2.Forward(backend, inner));
    }

    private Tensor AttendInWindows(IBackend backend, Tensor x)
    {
        (int height, int width) = (x.Size(1), x.Size(2));
        int bottom = (Window - (height % Window)) % Window;
        int right = (Window - (width % Window)) % Window;
        x = bottom > 0 ? backend.Pad(x, 1, 0, bottom) : x;
        x = right > 0 ? backend.Pad(x, 2, 0, right) : x;
        x = _attention.Forward(backend, SamImageEncoder.ToWindows(backend, x, Window));
        x = SamImageEncoder.FromWindows(backend, x, height + bottom, width + right);
        x = bottom > 0 ? backend.Slice(x, 1, 0, height) : x;
        return right > 0 ? backend.Slice(x, 2, 0, width) : x;
    }
}
