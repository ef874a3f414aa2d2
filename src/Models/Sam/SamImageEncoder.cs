using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Sam;

/// <summary>
/// SAM's image encoder (ViTDet): patches + learned positions, blocks with windowed or global attention and decomposed
/// relative
/// positions, and a neck of two convolutions. Weights: <c>patch_embed.proj, pos_embed, blocks.{i}, neck.{0-3}</c>.
/// </summary>
public sealed class SamImageEncoder
{
    private readonly SamConfig _config;
    private readonly Convolution _patchEmbedding;
    private readonly Weight _positions;
    private readonly SamBlock[] _blocks;
    private readonly Convolution _neck1;
    private readonly ChannelNorm _neckNorm1;
    private readonly Convolution _neck2;
    private readonly ChannelNorm _neckNorm2;

    /// <summary>An encoder of these sizes.</summary>
    public SamImageEncoder(WeightScope weights, SamConfig config)
    {
        _config = config.Validate();
        int width = config.EmbedDim;
        _patchEmbedding = new Convolution(weights["patch_embed"]["proj"], 3, width, config.PatchSize, config.PatchSize);
        _positions = weights.Get("pos_embed", new Shape(1, config.Grid, config.Grid, width), WeightInit.Normal(0.02f));
        _blocks = new SamBlock[config.Depth];
        for (int i = 0; i < _blocks.Length; i++)
        {
            int window = config.GlobalAttnIndexes.Contains(i) ? 0 : config.WindowSize;
            _blocks[i] = new SamBlock(weights["blocks"][i], config, window);
        }

        WeightScope neck = weights["neck"];
        _neck1 = new Convolution(neck[0], width, config.OutChans, 1, bias: false);
        _neckNorm1 = new ChannelNorm(neck[1], config.OutChans);
        _neck2 = new Convolution(neck[2], config.OutChans, config.OutChans, 3, padding: 1, bias: false);
        _neckNorm2 = new ChannelNorm(neck[3], config.OutChans);
    }

    /// <summary>Shapes: pixels [batch, 3, side, side] (normalised, padded), result [batch, outChans, grid,
    /// grid].</summary>
    public Tensor Forward(IBackend backend, Tensor pixels)
    {
        using var scope = new TensorScope();
        Tensor x = backend.Permute(_patchEmbedding.Forward(backend, pixels), 0, 2, 3, 1); // -> [B,h,w,C]
        if (x.Size(1) != _config.Grid || x.Size(2) != _config.Grid)
        {
            throw new ArgumentException(
                $"SAM's encoder takes pictures of side {_config.ImageSize}, not {pixels.Shape}.");
        }

        x = backend.Add(x, backend.Use(_positions));

        // Where windows fill the grid, tokens stay in the order of windows from block to block: everything but
        // attention works token by token. With padding each block must set the padded tokens to zero anew.
        bool inWindows = false;
        foreach (SamBlock block in _blocks)
        {
            bool wanted = block.Window > 0 && _config.Grid % block.Window == 0;
            x = wanted == inWindows ? x
                : wanted ? ToWindows(backend, x, block.Window) : FromWindows(backend, x, _config.Grid, _config.Grid);
            inWindows = wanted;
            x = inWindows ? block.ForwardWindows(backend, x) : block.Forward(backend, x);
        }

        x = inWindows ? FromWindows(backend, x, _config.Grid, _config.Grid) : x;
        x = backend.Permute(x, 0, 3, 1, 2); // -> [B,C,h,w]
        x = _neckNorm1.Forward(backend, _neck1.Forward(backend, x));
        return scope.Keep(_neckNorm2.Forward(backend, _neck2.Forward(backend, x)));
    }
    // [B, R*w, C*w, ch] -> [B,R,w,C,w,ch] -> [B,R,C,w,w,ch] -> [B*R*C, w, w, ch]
    internal static Tensor ToWindows(IBackend backend, Tensor x, int window)
    {
        (int batch, int rows, int columns, int channels) =
            (x.Size(0), x.Size(1) / window, x.Size(2) / window, x.Size(3));
        x = backend.Reshape(x, new Shape(batch, rows, window, columns, window, channels));
        x = backend.Permute(x, 0, 1, 3, 2, 4, 5);
        return backend.Reshape(x, new Shape(batch * rows * columns, window, window, channels));
    }

    // The inverse.
    internal static Tensor FromWindows(IBackend backend, Tensor x, int height, int width)
    {
        (int window, int channels) = (x.Size(1), x.Size(3));
        (int rows, int columns) = (height / window, width / window);
        int batch = x.Size(0) / (rows * columns);
        x = backend.Reshape(x, new Shape(batch, rows, columns, window, window, channels));
        x = backend.Permute(x, 0, 1, 3, 2, 4, 5);
        return backend.Reshape(x, new Shape(batch, height, width, channels));
    }
}
