using Azure;
using Azure.Search.Documents;
using Azure.Search.Documents.Models;
using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Retrieval;

/// <summary>
/// Searches an index of Azure AI Search: text by BM25, pictures by vector. One adapter serves one index; the name in a
/// query is not looked at. Retries and authentication are the client's.
/// </summary>
/// <param name="client">Client of the index.</param>
/// <param name="encoder">Encodes query pictures; null when only text is searched.</param>
/// <param name="options">Fields and limits; null for the defaults.</param>
/// <param name="time">Clock of the deadline; null for the system's.</param>
public sealed class AzureSearchRetriever(SearchClient client, IRegionEncoder? encoder,
    AzureSearchOptions? options = null,
    TimeProvider? time = null) : IRetriever
{
    private readonly AzureSearchOptions _options = options ?? new AzureSearchOptions();
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <inheritdoc/>
    public async ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation)
    {
        if (query.TopK is < 1 or > 1000)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"A search asks for {query.TopK} hits; the range is 1 to 1000 (top-k).");
        }

        string? text = null;
        if (query.Modality == SearchModality.Text || _options.FuseTextOfPictureQueries)
        {
            // The service's query language has operators; words alone have none.
            text = string.Join(' ', LexicalQuery.Words(query.Text));
            if (text.Length == 0 && query.Modality == SearchModality.Text)
            {
                return new RetrievalResult([], false);
            }
        }

        using var late = new CancellationTokenSource(_options.Deadline, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        try
        {
            SearchOptions request = await CreateRequestAsync(query, both.Token).ConfigureAwait(false);
            return await SendAsync(query, string.IsNullOrEmpty(text) ? null : text, request, both.Token)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return Lost(query, "late");
        }
        catch (RequestFailedException error) when (error.Status == 404)
        {
            throw new PixException(PixErrorKind.NotFound,
                $"Azure AI Search at {client.Endpoint.Host} has no index \"{client.IndexName}\".", error);
        }
        catch (RequestFailedException error)
        {
            return Lost(query, $"status {error.Status} {error.ErrorCode}".TrimEnd());
        }
        catch (AggregateException error)
        {
            // The client's pipeline throws this when all of its retries failed to connect.
            return Lost(query, error.InnerExceptions.Count > 0 ? error.InnerExceptions[^1].Message : error.Message);
        }
    }

    private async Task<SearchOptions> CreateRequestAsync(RetrievalQuery query, CancellationToken cancellation)
    {
        var request = new SearchOptions
        {
            Size = query.TopK,
            QueryType = SearchQueryType.Simple,
            SearchMode = Azure.Search.Documents.Models.SearchMode.Any,
            MinimumCoverage = _options.CoverageMin,
            Select = { _options.IdField, _options.TitleField, _options.TextField },
            SearchFields = { _options.TitleField, _options.TextField },
        };
        if (query.Modality != SearchModality.Text)
        {
            if (query.Picture is not { } pixels || encoder is null)
            {
                throw new PixException(PixErrorKind.InvalidArgument,
                    $"A {query.Modality} search needs a picture and an encoder.");
            }

            var image = new RgbImage(pixels.Width, pixels.Height, pixels.Data.ToArray());
            float[] vector = await Task.Run(() => encoder.Encode([image]), cancellation).WaitAsync(cancellation)
                .ConfigureAwait(false);
            request.VectorSearch = new VectorSearchOptions
            {
                Queries =
                {
                    new VectorizedQuery(vector)
                    {
                        KNearestNeighborsCount = query.TopK,
                        Fields = { _options.VectorField },
                    },
                },
            };
        }

        return request;
    }

    private async Task<RetrievalResult> SendAsync(RetrievalQuery query, string? text, SearchOptions request,
        CancellationToken cancellation)
    {
        Response<SearchResults<SearchDocument>> response =
            await client.SearchAsync<SearchDocument>(text, request, cancellation).ConfigureAwait(false);
        var hits = new List<EvidenceHit>();
        await foreach (SearchResult<SearchDocument> result in response.Value.GetResultsAsync()
            .WithCancellation(cancellation)
            .ConfigureAwait(false))
        {
            hits.Add(new EvidenceHit(Field(result, _options.IdField), Field(result, _options.TitleField),
                Field(result, _options.TextField), (float)(result.Score ?? 0), query.Modality));
            if (hits.Count == query.TopK)
            {
                break;
            }
        }

        return new RetrievalResult(hits, response.Value.Coverage is < 100);
    }

    private RetrievalResult Lost(RetrievalQuery query, string reason)
    {
        RetrievalMetrics.LegsLost.Add(1, new KeyValuePair<string, object?>("modality", query.Modality.ToString()));
        _options.OnLegLost?.Invoke($"{query.Modality}:{client.IndexName}", reason);
        return new RetrievalResult([], true);
    }

    private static string Field(SearchResult<SearchDocument> result, string name) =>
        result.Document.TryGetValue(name, out object? value) ? value as string ?? "" : "";
}
