using PixSearch.Imaging;

namespace PixSearch.Models.Families;

/// <summary>A model whose questions may name regions of the picture: both Pixel-SAIL variants.</summary>
public interface IVisualPromptModel : ISegmentingModel
{
    /// <summary>
    /// Encodes a picture with regions that the question names; later regions overwrite earlier ones where they meet.
    /// </summary>
    IImageEncoding EncodeImage(RgbImage picture, IReadOnlyList<VisualPrompt> prompts);
}
