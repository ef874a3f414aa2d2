using PixSearch.Models.Layers;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Vision;

/// <summary>
/// CLIP's vision transformer up to a chosen hidden state. Hidden state 0 is what follows <c>pre_layrnorm</c> (spelled
/// so in the
/// checkpoints), hidden state i is the output of layer i; token 0 is CLS. Layers beyond the last state wanted are not
/// built.
/// </summary>
public sealed class ClipVision
{
    private readonly Weight _classEmbedding;
    private readonly Convolution _patchEmbedding;
    private readonly Weight _positions;
    private readonly LayerNorm _preNorm;
    private readonly ClipVisionLayer[] _layers;
    private readonly int _inputGrid;

    /// <summary>An encoder under the names of <c>vision_model</c>.</summary>
    /// <param name="weights">The scope that holds <c>embeddings</c> and <c>encoder</c>.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="layerCount">Layers to build; null for all.</param>
    /// <param name="inputSize">PixelLM: side of the pictures when it is not the one that CLIP was trained with.</param>
    public ClipVision(WeightScope weights, ClipVisionConfig config, int? layerCount = null, int? inputSize = null)
    {
        Config = config.Validate();
        _inputGrid = (inputSize ?? config.ImageSize) / config.PatchSize;
        int tokens = (config.Grid * config.Grid) + 1;
        WeightScope embeddings = weights["embeddings"];
        _classEmbedding = embeddings.Get("class_embedding", new Shape(config.HiddenSize), WeightInit.Normal(0.02f));
        _patchEmbedding = new Convolution(embeddings["patch_embedding"], 3, config.HiddenSize, config.PatchSize,
            config.PatchSize, bias: false);
        _positions = embeddings["position_embedding"].Get("weight", new Shape(tokens, config.HiddenSize),
            WeightInit.Normal(0.02f));
        _preNorm = new LayerNorm(weights["pre_layrnorm"], config.HiddenSize, config.LayerNormEps);
        _layers = new ClipVisionLayer[layerCount ?? config.NumHiddenLayers];
        for (int i = 0; i < _layers.Length; i++)
        {
            _layers[i] = new ClipVisionLayer(weights["encoder"]["layers"][i], config);
        }
    }

    /// <summary>The sizes.</summary>
    public ClipVisionConfig Config { get; }

    /// <summary>Learned positions. Shape: [1 + patches, hidden].</summary>
    public Weight PositionTable => _positions;

    /// <summary>Number of layers built; hidden states 0 .. this can be had.</summary>
    public int LayerCount => _layers.Length;

    /// <summary>
    /// Index of a hidden state in published notation: -1 is the last layer's output, -2 the one before.
    /// </summary>
    public static int StateIndex(int select, int layers) => select < 0 ? layers + 1 + select : select;

    /// <summary>
    /// Hidden states. Shapes: pixels [batch, 3, side, side], each result [batch, 1 + patches, hidden].
    /// </summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="pixels">Normalised pictures.</param>
    /// <param name="states">Which hidden states, in the order wanted; null for all from 0 on.</param>
    /// <param name="keyValid">PixelLM: 1 for tokens that may be looked at. Shape: [batch, 1 + patches].</param>
    public Tensor[] Forward(IBackend backend, Tensor pixels, int[]? states = null, Tensor? keyValid = null)
    {
        states ??= [.. Enumerable.Range(0, _layers.Length + 1)];
        var results = new Tensor[states.Length];
        AttentionMask mask = AttentionMask.Full with { KeyValid = keyValid };
        Tensor x = Embed(backend, pixels);
        int last = states.Max();
        for (int i = 0; ; i++)
        {
            for (int s = 0; s < states.Length; s++)
            {
                results[s] = states[s] == i ? x : results[s];
            }

            if (i == last)
            {
                return results;
            }

            x = _layers[i].Forward(backend, x, mask);
        }
    }

    /// <summary>
    /// One hidden state without CLS. Shapes: pixels [batch, 3, side, side], result [batch, patches, hidden].
    /// </summary>
    public Tensor Patches(IBackend backend, Tensor pixels, int state)
    {
        using var scope = new TensorScope();
        Tensor x = Forward(backend, pixels, [state])[0];
        return scope.Keep(backend.Slice(x, 1, 1, x.Size(1) - 1));
    }

    // [B,3,S,S] -> [B,1+P,C]
    private Tensor Embed(IBackend backend, Tensor pixels)
    {
        int batch = pixels.Size(0);
        int width = Config.HiddenSize;
        Tensor patches = _patchEmbedding.Forward(backend, pixels);
        int count = patches.Size(2) * patches.Size(3);
        patches = backend.Permute(backend.Reshape(patches, new Shape(batch, width, count)), 0, 2, 1);
        Tensor cls = backend.Reshape(backend.Use(_classEmbedding), new Shape(1, 1, width));
        cls = backend.Add(backend.Zeros(new Shape(batch, 1, width)), cls);
        Tensor x = backend.Concat(1, cls, patches);
        return _preNorm.Forward(backend, backend.Add(x, Positions(backend)));
    }

    // PixelLM resizes the table wrongly, and was trained so: all rows but the last, the one of CLS among them, are
    // taken as the
    // grid, resized bilinearly, and the last row is put at the end. Token 0 (CLS) still reads row 0.
    internal Tensor Positions(IBackend backend)
    {
        Tensor table = backend.Use(_positions);
        if (_inputGrid == Config.Grid)
        {
            return table;
        }

        int rows = Config.Grid * Config.Grid;
        int width = Config.HiddenSize;
        Tensor grid = backend.Permute(backend.Slice(table, 0, 0, rows), 1, 0);
        grid = backend.Reshape(grid, new Shape(1, width, Config.Grid, Config.Grid));
        grid = backend.Resize(grid, _inputGrid, _inputGrid, ResizeMode.Bilinear);
        grid = backend.Permute(backend.Reshape(grid, new Shape(width, _inputGrid * _inputGrid)), 1, 0);
        return backend.Concat(0, grid, backend.Slice(table, 0, rows, 1));
    }
}
