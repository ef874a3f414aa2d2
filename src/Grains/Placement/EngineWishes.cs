using PixSearch.Abstractions;
using PixSearch.Inference.Placement;

namespace PixSearch.Grains.Placement;

/// <summary>What a request asks of an engine, before anything of it is computed.</summary>
public static class EngineWishes
{
    // Slots of a typical picture encoder (16 by 16 patches); only their order of magnitude matters in a comparison.
    private const double PictureSlots = 256;

    // Text of the languages served has about four characters a token.
    private const double CharactersPerToken = 4;

    /// <summary>The wish of a request: prompt, picture's slots and the answer's limit, in token units.</summary>
    public static EngineWish For(AnswerRequest request, string pictureHash)
    {
        double picture = request.Picture.IsEmpty && pictureHash.Length == 0 ? 0 : PictureSlots;
        double cost = (request.Question.Length / CharactersPerToken) + request.Sampling.MaxTokens + picture;
        return new EngineWish(request.Model, pictureHash, cost, picture);
    }
}
