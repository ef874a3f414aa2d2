using PixSearch.Models.Layers;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.PixelSail;

/// <summary>
/// Pixel-SAIL 7B on EVEv2: as <see cref="PixelSailNetwork"/>, but patches come from two convolutions
/// (<c>Conv2x2/2(GELU(Conv16x16/16(x)))</c>), a class embedding stands in front, a split embedding after each row of
/// patches, attention is causal, and each decoder layer has weights of its own for these slots. The picture's weights
/// are <c>single_transformer.model.vision_tower.{patch_embedding.{0,2}, class_embedding, split_embedding}</c>; the
/// files also hold a <c>single_transformer.vp_embed</c> that nothing reads.
/// </summary>
public sealed class EveSailNetwork
{
    private readonly Convolution _patches;
    private readonly Convolution _dense;
    private readonly Weight _class;
    private readonly Weight _split;

    /// <summary>A network whose weights come from the store's source.</summary>
    public EveSailNetwork(WeightStore weights, EveSailConfig config)
    {
        Config = config.Validate();
        WeightScope root = weights.Root;
        int hidden = config.TextConfig.HiddenSize;
        Text = new Llama(root["single_transformer"], config.TextConfig);
        WeightScope embedding = root["single_transformer"]["model"]["vision_tower"];
        WeightScope convolutions = embedding["patch_embedding"];
        _patches = new Convolution(convolutions[0], 3, config.PatchHidden, EveSailConfig.Stride / 2,
            EveSailConfig.Stride / 2);
        _dense = new Convolution(convolutions[2], config.PatchHidden, hidden, 2, 2);
        _class = embedding.Get("class_embedding", new Shape(hidden), WeightInit.Normal(0.02f));
        _split = embedding.Get("split_embedding", new Shape(hidden), WeightInit.Normal(0.02f));
        Head = new MaskHead(root, hidden, config.InnerSize, config.SegHidden, config.UpsampleCount);
    }

    /// <summary>The sizes.</summary>
    public EveSailConfig Config { get; }

    /// <summary>The transformer.</summary>
    public Llama Text { get; }

    /// <summary>From hidden states to masks.</summary>
    public MaskHead Head { get; }

    /// <summary>
    /// Rows of a picture: class, then each row of patches followed by a split. A visual prompt adds its token's
    /// embedding to the patches that it touches.
    /// </summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="pixels">Shape: [1, 3, 32 h, 32 w].</param>
    /// <param name="promptTokens">For each patch the id of its <c>&lt;PromptK&gt;</c>, or -1; empty for no
    /// prompts.</param>
    /// <returns>Shape: [1 + h (w + 1), hidden].</returns>
    public Tensor EmbedPicture(IBackend backend, Tensor pixels, ReadOnlySpan<int> promptTokens)
    {
        using var scope = new TensorScope();
        Tensor x = backend.Unary(_patches.Forward(backend, pixels), UnaryOp.Gelu);
        x = _dense.Forward(backend, x);
        (int hidden, int height, int width) = (x.Size(1), x.Size(2), x.Size(3));
        x = backend.Reshape(backend.Permute(x, 0, 2, 3, 1), new Shape(height * width, hidden));
        if (!promptTokens.IsEmpty)
        {
            x = backend.Add(x, Text.Embed(backend, promptTokens)); // id -1 gives zeros
        }

        x = backend.Reshape(x, new Shape(height, width, hidden));
        Tensor split = backend.Add(backend.Zeros(new Shape(height, 1, hidden)), backend.Use(_split));
        x = backend.Reshape(backend.Concat(1, x, split), new Shape(height * (width + 1), hidden));
        return scope.Keep(backend.Concat(0, backend.Reshape(backend.Use(_class), new Shape(1, hidden)), x));
    }

    /// <summary>The patches' states of a picture's rows. Shapes: rows [1 + h (w + 1), hidden], result [h w,
    /// hidden].</summary>
    public static Tensor PatchRows(IBackend backend, Tensor rows, int gridHeight, int gridWidth)
    {
        int[] index = [.. Enumerable.Range(0, gridHeight * gridWidth)
            .Select(patch => 1 + (patch / gridWidth * (gridWidth + 1)) + (patch % gridWidth))];
        return backend.Gather(rows, index);
    }
}
