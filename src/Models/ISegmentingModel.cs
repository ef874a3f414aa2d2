using PixSearch.Imaging;
using PixSearch.Tensors;

namespace PixSearch.Models;

/// <summary>The published families.</summary>
public enum ModelFamily
{
    /// <summary>PixSearch and PLUM: span tagger, span queries, mask feedback loop.</summary>
    PixSearch,

    /// <summary>LISA and GLaMM: one [SEG] token a mask.</summary>
    Lisa,

    /// <summary>PixelLM: six codebook tokens a mask.</summary>
    PixelLm,

    /// <summary>Pixel-SAIL: one transformer.</summary>
    PixelSail,

    /// <summary>LLaVA, on which the others but Pixel-SAIL are built: no masks.</summary>
    Llava,
}

/// <summary>
/// What the engine needs of a model, whichever family. A <b>slot</b> is one position of the language model: a token
/// id (>= 0) or
/// row k of the picture's encoding, written as <c>~k</c> (negative). All methods run on the engine thread.
/// </summary>
public interface ISegmentingModel : IDisposable
{
    /// <summary>Which family.</summary>
    ModelFamily Family { get; }

    /// <summary>Name for users.</summary>
    string Name { get; }

    /// <summary>Where its tensors live: the engine reads logits and hidden states through it.</summary>
    IBackend Backend { get; }

    /// <summary>Text to ids and back.</summary>
    ITokenizer Tokenizer { get; }

    /// <summary>Longest sequence in slots.</summary>
    int ContextLength { get; }

    /// <summary>Width of hidden states.</summary>
    int HiddenSize { get; }

    /// <summary>Ids that end the answer.</summary>
    IReadOnlySet<int> EndTokens { get; }

    /// <summary>A page store that fits this model.</summary>
    KvStore CreateKvStore(int pageCount, int pageSize, KvType type = KvType.F32);

    /// <summary>The prompt of the family's template, with the picture's slots in place.</summary>
    ModelPrompt BuildPrompt(string question, RgbImage? picture);

    /// <summary>The expensive part of a picture, done once: rows for the language model and features for
    /// masks.</summary>
    IImageEncoding EncodeImage(RgbImage picture);

    /// <summary>
    /// One step over several sequences. Returns logits of each sequence's last row [sequences, vocabulary] and
    /// hidden states after the final norm of all rows [rows, hidden].
    /// </summary>
    StepOutput Step(IReadOnlyList<StepSequence> sequences, KvStore store);

    /// <summary>
    /// The phrases or tokens of a sequence that own a mask, in text order. <paramref name="slots"/> is prompt and
    /// answer;
    /// <paramref name="hidden"/> the hidden states [slots, hidden] (the last may be missing: nothing followed it yet).
    /// </summary>
    IReadOnlyList<Grounding> Ground(ReadOnlySpan<int> slots, Tensor hidden);

    /// <summary>
    /// Masks of groundings of one picture, in one decoder batch where the family allows: logits in the picture's
    /// original size [groundings, height, width]; a pixel belongs to the mask where its logit is above 0.
    /// </summary>
    Tensor DecodeMasks(IImageEncoding image, IReadOnlyList<Grounding> groundings, Tensor hidden);
}

/// <summary>A picture's encoding: belongs to the model that made it and is freed with
/// <see cref="IDisposable.Dispose"/>.</summary>
public interface IImageEncoding : IDisposable
{
    /// <summary>Number of slots in the language model.</summary>
    int SlotCount { get; }

    /// <summary>Height of the original picture.</summary>
    int Height { get; }

    /// <summary>Width of the original picture.</summary>
    int Width { get; }
}

/// <summary>A prompt in slots.</summary>
/// <param name="Slots">Token ids and picture rows.</param>
/// <param name="FullStart">Positions in [FullStart, FullEnd) see each other and are prefilled in one step.</param>
/// <param name="FullEnd">End of that range; 0 for none.</param>
public sealed record ModelPrompt(int[] Slots, int FullStart = 0, int FullEnd = 0);

/// <summary>One sequence of a step.</summary>
/// <param name="Slots">The whole sequence so far, prompt included; rows [Start, Start+Count) are computed now.</param>
/// <param name="Start">Positions already in the pages.</param>
/// <param name="Count">Positions of this step.</param>
/// <param name="Pages">Pages that hold positions [0, Start+Count).</param>
/// <param name="Image">The picture; null for none.</param>
/// <param name="Prompt">The prompt that the sequence began with (ranges, positions).</param>
public readonly record struct StepSequence(ReadOnlyMemory<int> Slots, int Start, int Count, ReadOnlyMemory<int> Pages,
    IImageEncoding? Image, ModelPrompt Prompt);

/// <summary>Result of a step. Shapes: logits [sequences, vocabulary], hidden [rows, hidden].</summary>
public readonly record struct StepOutput(Tensor Logits, Tensor Hidden);

/// <summary>Something in the text that owns a mask: slots [Start, End).</summary>
/// <param name="Start">First slot.</param>
/// <param name="End">After the last slot.</param>
/// <param name="Tokens">PixelLM: the slots of the target's six tokens, which need not be adjacent; else null.</param>
public readonly record struct Grounding(int Start, int End, IReadOnlyList<int>? Tokens = null);
