using PixSearch.Imaging;
using PixSearch.Models.PixelSail;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Models.Families;

/// <summary>
/// Pixel-SAIL 7B on EVEv2 as the engine uses it: <c>qwen_chat</c> template, causal attention, weights of their own for
/// rows of a picture.
/// </summary>
public sealed class EveSailModel : SailModel
{
    private const string TurnStart = "<|im_start|>";
    private const string TurnEnd = "<|im_end|>";
    private const string TextEnd = "<|endoftext|>";

    /// <summary>A model over weights that it takes over.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">The tokenizer does not fit the model.</exception>
    public EveSailModel(IBackend backend, WeightStore weights, EveSailNetwork network, ITokenizer tokenizer)
        : base(backend, weights, network.Config.Name, network.Text, network.Head, tokenizer,
            tokenizer.IdOf(TextEnd) < 0 ? [TurnEnd] : [TurnEnd, TextEnd], [TurnStart]) => Network = network;

    /// <summary>The modules.</summary>
    public EveSailNetwork Network { get; }

    /// <inheritdoc/>
    public override ModelPrompt BuildPrompt(string question, RgbImage? picture)
    {
        string safe = PromptText.Defuse(Tokenizer, question.Trim(), VisualPrompt.IsToken);
        string end = $"{safe}{TurnEnd}\n{TurnStart}assistant\n";
        if (picture is null)
        {
            return new ModelPrompt(Tokenizer.Encode($"{TurnStart}user\n{end}"));
        }

        (int width, int height) = GridOf(picture.Width, picture.Height, Network.Config.AreaSide);
        int[] rows = [.. Enumerable.Range(0, 1 + (height * (width + 1))).Select(row => ~row)];
        return new ModelPrompt([.. Tokenizer.Encode($"{TurnStart}user\n"), .. rows, .. Tokenizer.Encode($"\n{end}")]);
    }

    /// <inheritdoc/>
    /// <remarks>Where regions meet, the smaller one stands: this variant's authors sort them by area.</remarks>
    public override IImageEncoding EncodeImage(RgbImage picture, IReadOnlyList<VisualPrompt> prompts)
    {
        using var scope = new TensorScope();
        (int width, int height) = GridOf(picture.Width, picture.Height, Network.Config.AreaSide);
        RgbImage resized = Resizer.Resize(picture, width * EveSailConfig.Stride, height * EveSailConfig.Stride,
            Resampling.Bicubic);
        PreparedPicture prepared = PicturePreprocessor.Normalize(resized, PixelNormalization.Clip, resized.Height,
            resized.Width);
        int[] tokens = VisualPrompt.TokensOf([.. prompts.OrderByDescending(prompt => prompt.Area)], height, width,
            EveSailConfig.Stride, Tokenizer,
            Network.Config.TextConfig.VocabSize);
        Tensor rows = Network.EmbedPicture(Backend, prepared.ToTensor(Backend), tokens);
        return new PatchEncoding(TensorScope.Detach(rows), height, width, picture);
    }

    internal override void Place(StepSequence sequence, StepPositions positions)
    {
        ReadOnlySpan<int> slots = sequence.Slots.Span;
        for (int i = sequence.Start; i < sequence.Start + sequence.Count; i++)
        {
            if (slots[i] < 0)
            {
                positions.PictureRows.Add(positions.Rows.Count);
            }

            positions.Rows.Add(i);
        }
    }

    private protected override Tensor PatchStates(PatchEncoding image, Tensor hidden)
    {
        int first = Tokenizer.Encode($"{TurnStart}user\n").Length;
        Tensor rows = Backend.Slice(hidden, 0, first, image.SlotCount);
        return EveSailNetwork.PatchRows(Backend, rows, image.GridHeight, image.GridWidth);
    }

    /// <summary>
    /// Slots across and down: the shape of the picture, an area of about side², both sides rounded up to 32 pixels.
    /// </summary>
    internal static (int Width, int Height) GridOf(int width, int height, int areaSide)
    {
        // The order of the divisions is the authors': another one rounds other sizes up.
        double ratio = Math.Sqrt((double)width * height) / areaSide;
        int most = areaSide * 16 / EveSailConfig.Stride; // a line of pixels must not become thousands of slots
        return (Math.Clamp((int)Math.Ceiling(width / ratio / EveSailConfig.Stride), 1, most),
            Math.Clamp((int)Math.Ceiling(height / ratio / EveSailConfig.Stride), 1, most));
    }
}
