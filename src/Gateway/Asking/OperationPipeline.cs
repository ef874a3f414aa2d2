using PixSearch.Abstractions;
using PixSearch.Gateway.Tenants;
using PixSearch.Imaging;

namespace PixSearch.Gateway.Asking;

/// <summary>
/// Requests without a session: masks, ingestion, searches. They pass the same checks, limits and ledger as questions.
/// </summary>
internal sealed class OperationPipeline(AskPipeline asking, ISegmentService? segmenter, IIndexService? indexes)
{
    /// <summary>Masks for prompts; the picture has been resolved by nobody yet.</summary>
    internal async Task<SegmentResult> SegmentAsync(Tenant tenant, SegmentRequest request, PictureSource picture,
        CancellationToken cancellation)
    {
        ISegmentService service = segmenter ?? throw Missing("segment");
        int prompts = request.Phrases.Count + request.Points.Count + request.Boxes.Count;
        RequestChecks.Range("number of prompts", prompts, 1, SegmentRequest.PromptsMax);
        RequestChecks.Range("number of points", request.Points.Sum(static set => set.Count), request.Points.Count,
            1024);
        foreach (string phrase in request.Phrases)
        {
            RequestChecks.Range("length of a phrase", phrase.Length, 1, 512);
        }

        if (picture.IsNone)
        {
            throw new PixException(PixErrorKind.InvalidArgument, "There is no picture.");
        }

        ServedModel model = asking.Checks.Model(tenant, request.Model);
        return await RunAsync(tenant, RequestChecks.TokensMax(model, request), async () =>
        {
            SegmentResult result = await service.SegmentAsync(request with
            {
                Model = model.Name,
                Tenant = tenant.Name,
                Picture = await asking.ResolveAsync(tenant, picture, cancellation),
            }, cancellation);
            return (result, (long)result.PromptTokens + result.ImageTokens + result.CompletionTokens);
        });
    }

    /// <summary>Adds documents to an index that the tenant may fill.</summary>
    internal Task<IngestReport> IngestAsync(Tenant tenant, string index, IAsyncEnumerable<IndexDocument> documents,
        CancellationToken cancellation)
    {
        IIndexService service = indexes ?? throw Missing("index");
        string name = IndexName(tenant, index);
        if (!tenant.Rules.Ingest)
        {
            throw new PixException(PixErrorKind.PermissionDenied, "The API key may not add documents (ingest).");
        }

        return RunAsync(tenant, 0, async () => (await service.IngestAsync(name, documents, cancellation), 0L));
    }

    /// <summary>One search, by text or by picture.</summary>
    internal Task<RetrievalResult> SearchAsync(
        Tenant tenant, string index, string text, ReadOnlyMemory<byte> picture, int? topK,
        CancellationToken cancellation)
    {
        IIndexService service = indexes ?? throw Missing("search");
        string name = IndexName(tenant, index);
        RequestChecks.Range("top_k", topK ?? 10, 1, 100);
        RequestChecks.Range("length of the query", text.Length, 0, 4096);
        if (string.IsNullOrWhiteSpace(text) == picture.IsEmpty)
        {
            throw new PixException(PixErrorKind.InvalidArgument, "A search needs either a text or a picture.");
        }

        return RunAsync(tenant, 0, async () =>
        {
            RgbPixels? pixels = null;
            if (!picture.IsEmpty)
            {
                asking.Checks.Picture(picture);
                RgbImage image = PictureCodec.Decode(picture.Span);
                pixels = new RgbPixels(image.Width, image.Height, image.Memory);
            }

            SearchModality modality = pixels is null ? SearchModality.Text : SearchModality.Region;
            return (await service.SearchAsync(new RetrievalQuery(name, modality, text, pixels, topK ?? 10),
                cancellation), 0L);
        });
    }

    private string IndexName(Tenant tenant, string index)
    {
        string name = asking.Checks.Index(tenant, index);
        return name.Length > 0 ? name : throw new PixException(
            PixErrorKind.NotFound, "This server has no index (px serve --index).");
    }

    private async Task<T> RunAsync<T>(Tenant tenant, long reserve, Func<Task<(T Result, long Used)>> run)
    {
        using IDisposable running = asking.Enter();
        using RequestLease lease = asking.Counted(() => tenant.Admit(reserve));
        long reservation = reserve > 0 ? asking.Journal.Reserve(tenant.Name, reserve) : 0;
        long used = 0;
        try
        {
            (T result, used) = await run();
            lease.Settle(used);
            return result;
        }
        finally
        {
            asking.Journal.Settle(reservation, used);
        }
    }

    private static PixException Missing(string what) =>
        new(PixErrorKind.Unavailable, $"This server does not offer '{what}'.");
}
