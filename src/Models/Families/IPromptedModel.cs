using PixSearch.Models.Sam;
using PixSearch.Models.Tasks;

namespace PixSearch.Models.Families;

/// <summary>A model whose masks can be asked for without words: points and boxes, as SAM takes them.</summary>
public interface IPromptedModel : ISegmentingModel
{
    /// <summary>
    /// One mask a prompt, in the order of the prompts and in the picture's original size; prompts of equal length go
    /// through the decoder in one batch. Runs on the engine thread.
    /// </summary>
    /// <param name="image">An encoding of this model.</param>
    /// <param name="prompts">Coordinates in pixels of the original picture; each has a point or a box.</param>
    IReadOnlyList<SegmentedTarget> SegmentPrompts(IImageEncoding image, IReadOnlyList<SamPrompt> prompts);
}

/// <summary>Points and boxes that together mean one object, in pixels of the original picture.</summary>
public sealed record SamPrompt(IReadOnlyList<SamPoint> Points, IReadOnlyList<SamBox> Boxes);
