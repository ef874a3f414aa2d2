using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Inference.Engine;
using PixSearch.Models;
using PixSearch.Models.Tasks;

namespace PixSearch.Node;

/// <summary>
/// Masks without a session of the caller's. Phrases are short sessions of the engine: they are batched with everything
/// else, and bounded and scheduled like any question. Points and boxes are one batch of SAM's decoder between two
/// steps. Both use the picture's cached encoding.
/// </summary>
/// <param name="answers">The node that answers.</param>
/// <param name="models">Its models: the wording of a request depends on the family.</param>
public sealed class NodeSegmenter(EmbeddedNode answers, IReadOnlyList<ISegmentingModel> models) : ISegmentService
{
    /// <inheritdoc/>
    public async ValueTask<SegmentResult> SegmentAsync(SegmentRequest request, CancellationToken cancellation)
    {
        ISegmentingModel model = models.FirstOrDefault(one => one.Name == request.Model) ?? models[0];
        PictureHeader header = PictureCodec.ReadHeader(request.Picture.Span);

        // EXIF orientations from 5 on lie on their side: decoding turns them.
        (int width, int height) = header.Orientation >= 5 ? (header.Height, header.Width)
            : (header.Width, header.Height);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task<PromptResult> prompted = request.Points.Count + request.Boxes.Count > 0
            ? answers.SegmentPromptsAsync(request, stop.Token)
            : Task.FromResult(new PromptResult([], 0));
        Task<Answer>[] running = [.. request.Phrases.Select(phrase => AskAsync(model, request, phrase, stop.Token))];
        try
        {
            // A bad prompt ends the phrases too, without waiting for them.
            PromptResult shapes = await prompted.ConfigureAwait(false);
            Answer[] found = await Task.WhenAll(running).ConfigureAwait(false);
            return new SegmentResult(width, height,
                [.. found.Select((one, i) => one.ToMask(request.Phrases[i], width, height)),
                    .. shapes.Targets.Select(one => new SegmentMask("", one.Rle, one.Mask.Box, one.Score))],
                found.Sum(one => one.Usage?.PromptTokens ?? 0),
                found.Sum(one => one.Usage?.ImageTokens ?? 0) + shapes.ImageTokens,
                found.Sum(one => one.Usage?.CompletionTokens ?? 0));
        }
        catch
        {
            // One failed: the others are of no use any more, and their errors tell nothing new.
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll([.. running.Cast<Task>(), prompted])
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    private async Task<Answer> AskAsync(ISegmentingModel model, SegmentRequest request, string phrase,
        CancellationToken cancellation)
    {
        string session = await answers.StartAsync(new AnswerRequest
        {
            Picture = request.Picture,
            Question = TextSegmenter.Question(model.Family, phrase),
            Model = model.Name,
            Mode = SearchMode.None,
            Sampling = new SamplingOptions { MaxTokens = SegmentRequest.AnswerTokensMax },
            Tenant = request.Tenant,
            Deadline = request.Deadline,
        }, cancellation).ConfigureAwait(false);
        var answer = new Answer();
        bool over = false;
        try
        {
            await foreach (SessionEvent next in answers.ReadAsync(session, 0, cancellation).ConfigureAwait(false))
            {
                answer.Add(next);
                over = next is Finished or Failed;
            }
        }
        finally
        {
            if (!over)
            {
                await answers.CancelAsync(session, CancellationToken.None).ConfigureAwait(false);
            }
        }

        return answer.Failure is { } failure ? throw new PixException(failure.Kind, failure.Message) : answer;
    }

    /// <summary>What one session said.</summary>
    private sealed class Answer
    {
        private MaskFound? _best;

        public Usage? Usage { get; private set; }

        public Failed? Failure { get; private set; }

        public void Add(SessionEvent next)
        {
            Usage = next as Usage ?? Usage;
            Failure = next as Failed ?? Failure;

            // The first mask is that of the phrase itself; models may go on talking.
            _best ??= next as MaskFound;
        }

        public SegmentMask ToMask(string phrase, int width, int height) => _best is null
            ? new SegmentMask(phrase, RleCodec.Encode(new BinaryMask(width, height)), default, 0)
            : new SegmentMask(phrase, _best.Rle, _best.Box, _best.Score);
    }
}
