using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;

namespace PixSearch.Node;

/// <summary>
/// Masks for phrases without a session of the caller's: each phrase is one short session without search ("Point out the flag."), so
/// that phrases share the batch, the encoded picture, the fairness and the limits of the engine. Its first mask is the answer.
/// </summary>
/// <remarks>
/// The families served here take their mask prompts from text. Points and boxes would need the prompt encoder's other inputs and
/// are refused by name.
/// </remarks>
/// <param name="answers">Runs the sessions.</param>
public sealed class PhraseSegmenter(IAnswerService answers) : ISegmentService
{
    // "The flag on the left." and the end token, with room for a long phrase.
    private const int AnswerTokensMax = 48;

    /// <inheritdoc/>
    public async ValueTask<SegmentResult> SegmentAsync(SegmentRequest request, CancellationToken cancellation)
    {
        if (request.Points.Count > 0 || request.Boxes.Count > 0)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"{request.Points.Count} point sets and {request.Boxes.Count} boxes were sent, but the models of this node "
                + "take phrases only.");
        }

        PictureHeader header = PictureCodec.ReadHeader(request.Picture.Span);
        bool turned = header.Orientation >= 5;
        (int width, int height) = turned ? (header.Height, header.Width) : (header.Width, header.Height);
        Part[] parts = await Task.WhenAll(request.Phrases.Select(
            phrase => OneAsync(request, phrase, width, height, cancellation))).ConfigureAwait(false);
        return new SegmentResult(width, height, [.. parts.Select(part => part.Mask)], parts.Sum(part => part.PromptTokens),
            parts.Length == 0 ? 0 : parts.Max(part => part.ImageTokens));
    }

    private async Task<Part> OneAsync(SegmentRequest request, string phrase, int width, int height,
        CancellationToken cancellation)
    {
        string id = await answers.StartAsync(new AnswerRequest
        {
            Question = $"Point out {phrase.Trim().TrimEnd('.')}.",
            Picture = request.Picture,
            Model = request.Model,
            Tenant = request.Tenant,
            Deadline = request.Deadline,
            Mode = SearchMode.None,
            Sampling = new SamplingOptions { MaxTokens = AnswerTokensMax },
        }, cancellation).ConfigureAwait(false);
        try
        {
            return await ReadAsync(id, phrase, width, height, cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await answers.CancelAsync(id, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private async Task<Part> ReadAsync(string id, string phrase, int width, int height, CancellationToken cancellation)
    {
        SegmentMask? mask = null;
        Usage? usage = null;
        await foreach (SessionEvent item in answers.ReadAsync(id, 0, cancellation).ConfigureAwait(false))
        {
            switch (item)
            {
                case MaskFound found:
                    mask ??= new SegmentMask(phrase, found.Rle, found.Box, found.Score);
                    break;
                case Usage used:
                    usage = used;
                    break;
                case Failed failed:
                    throw new PixException(failed.Kind, failed.Message);
                default:
                    break;
            }
        }

        mask ??= new SegmentMask(phrase, RleCodec.Encode(new BinaryMask(width, height)), default, Score: 0);
        return new Part(mask, usage?.PromptTokens + usage?.CompletionTokens ?? 0, usage?.ImageTokens ?? 0);
    }

    private readonly record struct Part(SegmentMask Mask, int PromptTokens, int ImageTokens);
}
