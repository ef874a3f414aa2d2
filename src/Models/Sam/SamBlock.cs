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

    private readonly int _window;
    private readonly LayerNorm _norm1;
    private readonly LayerNorm _norm2;
    private readonly SamAttention _attention;
    private readonly Dense _mlp1;
    private readonly Dense _mlp2;

    /// <summary>A block; <paramref name="window"/> 0 attends over the whole grid.</summary>
    public SamBlock(WeightScope weights, SamConfig config, int window)
    {
        _window = window;
        int width = config.EmbedDim;
        var init = WeightInit.Normal(0.02f);
        _norm1 = new LayerNorm(weights["norm1"], width, Epsilon);
        _attention = new SamAttention(weights["attn"], width, config.NumHeads, window == 0 ? config.Grid : window);
        _norm2 = new LayerNorm(weights["norm2"], width, Epsilon);
        _mlp1 = new Dense(weights["mlp"]["lin1"], width, width * config.MlpRatio, init: init);
        _mlp2 = new Dense(weights["mlp"]["lin2"], width * config.MlpRatio, width, init: init);
    }

    /// <summary>Shapes: x [batch, height, width, channels], result the same.</summary>
    public Tensor Forward(IBackend backend, Tensor x)
    {
        using var scope = new TensorScope();
        Tensor normed = _norm1.Forward(backend, x);
        Tensor mixed = _window == 0 ? _attention.Forward(backend, normed) : AttendInWindows(backend, normed);
        x = backend.Add(x, mixed);
        Tensor inner = backend.Unary(_mlp1.Forward(backend, _norm2.Forward(backend, x)), UnaryOp.Gelu);
        return scope.Keep(backend.Add(x, _mlp2.Forward(backend, inner)));
    }

    private Tensor AttendInWindows(IBackend backend, Tensor x)
    {
        (int batch, int height, int width, int channels) = (x.Size(0), x.Size(1), x.Size(2), x.Size(3));
        int rows = (height + _window - 1) / _window;
        int columns = (width + _window - 1) / _window;
        int bottom = (rows * _window) - height;
        int right = (columns * _window) - width;
        x = bottom > 0 ? backend.Pad(x, 1, 0, bottom) : x;
        x = right > 0 ? backend.Pad(x, 2, 0, right) : x;

        // [B, R*w, C*w, ch] -> [B,R,w,C,w,ch] -> [B,R,C,w,w,ch] -> [B*R*C, w, w, ch]
        x = backend.Reshape(x, new Shape(batch, rows, _window, columns, _window, channels));
        x = backend.Permute(x, 0, 1, 3, 2, 4, 5);
        x = backend.Reshape(x, new Shape(batch * rows * columns, _window, _window, channels));
        x = _attention.Forward(backend, x);
        x = backend.Reshape(x, new Shape(batch, rows, columns, _window, _window, channels));
        x = backend.Permute(x, 0, 1, 3, 2, 4, 5);
        x = backend.Reshape(x, new Shape(batch, rows * _window, columns * _window, channels));
        x = bottom > 0 ? backend.Slice(x, 1, 0, height) : x;
        return right > 0 ? backend.Slice(x, 2, 0, width) : x;
    }
}
