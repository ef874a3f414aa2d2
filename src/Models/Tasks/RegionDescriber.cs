using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Families;

namespace PixSearch.Models.Tasks;

/// <summary>Descriptions of regions by Pixel-SAIL's visual prompts.</summary>
public static class RegionDescriber
{
    /// <summary>The authors' question about region K.</summary>
    public static string Question(int index) =>
        $"Can you provide me with a detailed description of the region in the picture marked by <Prompt{index}>?";

    /// <summary>
    /// Describes one region, or answers another question that names it as <c>&lt;Prompt0&gt;</c>.
    /// </summary>
    /// <param name="model">A Pixel-SAIL model of either kind.</param>
    /// <param name="picture">The picture.</param>
    /// <param name="region">The region, in the size of the picture.</param>
    /// <param name="question">Null for the description.</param>
    /// <param name="tokensMax">Most tokens to write.</param>
    /// <param name="cancellation">Checked at every token.</param>
    public static string Describe(IVisualPromptModel model, RgbImage picture, BinaryMask region, string? question,
        int tokensMax, CancellationToken cancellation = default)
    {
        if (region.Width != picture.Width || region.Height != picture.Height)
        {
            throw new Abstractions.PixException(Abstractions.PixErrorKind.InvalidArgument, $"The region's mask is " +
                $"{region.Width}x{region.Height}, the picture {picture.Width}x{picture.Height}; " +
                "they must be equally large.");
        }

        using IImageEncoding image = model.EncodeImage(picture, [new VisualPrompt(0, region)]);
        ModelPrompt prompt = model.BuildPrompt(question ?? Question(0), picture);
        using GreedyAnswer answer = GreedyAnswer.Decode(model, prompt, image, tokensMax, cancellation: cancellation);
        return model.Tokenizer.Decode(answer.Answer, skipSpecialTokens: true).Trim(' ', ':', '\n');
    }
}
