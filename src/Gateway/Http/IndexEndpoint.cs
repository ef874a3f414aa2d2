using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using PixSearch.Abstractions;
using PixSearch.Gateway.Asking;
using PixSearch.Gateway.Pictures;
using PixSearch.Gateway.Tenants;

namespace PixSearch.Gateway.Http;

/// <summary><c>POST /v1/indexes/{name}/documents</c> (one JSON object a line) and <c>POST
/// /v1/indexes/{name}/search</c>.</summary>
internal sealed class IndexEndpoint(AskPipeline pipeline, OperationPipeline operations)
{
    internal async Task IngestAsync(HttpContext http)
    {
        Tenant tenant = pipeline.Authenticate(http.Request.Headers.Authorization);
        string index = (string)http.Request.RouteValues["name"]!;
        IngestReport report = await operations.IngestAsync(
            tenant, index, ReadDocumentsAsync(http, http.RequestAborted), http.RequestAborted);
        await http.Response.WriteAsJsonAsync(report, HttpJson.Lenient, http.RequestAborted);
    }

    internal async Task SearchAsync(HttpContext http)
    {
        Tenant tenant = pipeline.Authenticate(http.Request.Headers.Authorization);
        SearchBody body = await HttpJson.ReadAsync<SearchBody>(http, HttpJson.Strict);
        ReadOnlyMemory<byte> picture = await pipeline.ResolveAsync(tenant,
            PictureText.Parse(body.Picture, pipeline.Options.Limits.PictureBytesMax), http.RequestAborted);
        RetrievalResult result = await operations.SearchAsync(
            tenant, (string)http.Request.RouteValues["name"]!, body.Text ?? "", picture,
            body.TopK, http.RequestAborted);
        await http.Response.WriteAsJsonAsync(result, HttpJson.Lenient, http.RequestAborted);
    }

    /// <summary>Documents as they arrive: a long file is never held in memory.</summary>
    private async IAsyncEnumerable<IndexDocument> ReadDocumentsAsync(HttpContext http,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        IAsyncEnumerable<DocumentBody?> lines = JsonSerializer.DeserializeAsyncEnumerable<DocumentBody>(
            http.Request.Body,
            topLevelValues: true, HttpJson.Strict, cancellation);
        await using IAsyncEnumerator<DocumentBody?> source = lines.GetAsyncEnumerator(cancellation);
        int count = 0;
        while (true)
        {
            try
            {
                if (!await source.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (JsonException error)
            {
                throw new PixException(PixErrorKind.InvalidArgument,
                    $"Document {count + 1} is not valid JSON of its form: {error.Message}", error);
            }

            count++;
            DocumentBody body = source.Current ?? throw new PixException(
                PixErrorKind.InvalidArgument, $"Document {count} is null.");
            PictureSource picture = PictureText.Parse(body.Picture, pipeline.Options.Limits.PictureBytesMax);
            if (picture.Url is not null)
            {
                throw new PixException(PixErrorKind.InvalidPicture,
                    $"Document {count}: send the picture itself, not its URL.");
            }

            yield return new IndexDocument(body.Id, body.Title, body.Text, picture.Bytes);
        }
    }

    private sealed record SearchBody
    {
        public string? Text { get; init; }

        public string? Picture { get; init; }

        public int? TopK { get; init; }
    }

    private sealed record DocumentBody
    {
        public string Id { get; init; } = "";

        public string Title { get; init; } = "";

        public string Text { get; init; } = "";

        public string? Picture { get; init; }
    }
}
