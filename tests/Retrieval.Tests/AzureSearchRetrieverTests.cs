using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Azure;
using Azure.Core.Pipeline;
using Azure.Search.Documents;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using PixSearch.Abstractions;
using PixSearch.Imaging;

namespace PixSearch.Retrieval.Tests;

/// <summary>
/// Goal: what the adapter sends is what the service documents, and its answers and errors are read. Method: the real
/// client library against a stub of the service on Kestrel with TLS (the client insists on https).
/// </summary>
public sealed class AzureSearchRetrieverTests
{
    [Fact]
    public async Task SearchAsync_Text_SendsWordsAndReadsHits()
    {
        await using Stub stub = await Stub.StartAsync();
        stub.Reply = """
            {"@search.coverage":100,"value":[
              {"@search.score":7.5,"id":"flag:FJ","title":"Fiji","text":"capital Suva"},
              {"@search.score":1.25,"id":"flag:TO","title":"Tonga","text":"capital Nukualofa"}]}
            """;
        RetrievalResult result = await stub.Retriever().SearchAsync(
            new RetrievalQuery("", SearchModality.Text, "What is the capital of \"Fiji\"~5 AND (x|y)?", null, 2),
            default);
        Assert.Equal(
        [
            new EvidenceHit("flag:FJ", "Fiji", "capital Suva", 7.5f, SearchModality.Text),
            new EvidenceHit("flag:TO", "Tonga", "capital Nukualofa", 1.25f, SearchModality.Text),
        ], result.Hits);
        Assert.False(result.Partial);
        JsonElement body = stub.Body();
        Assert.Equal("capital fiji 5 x y", body.GetProperty("search").GetString());
        Assert.Equal(2, body.GetProperty("top").GetInt32());
        Assert.Equal("simple", body.GetProperty("queryType").GetString());
        Assert.Equal("any", body.GetProperty("searchMode").GetString());
        Assert.Equal("id,title,text", body.GetProperty("select").GetString());
        Assert.Equal("title,text", body.GetProperty("searchFields").GetString());
        Assert.Equal(50, body.GetProperty("minimumCoverage").GetDouble());
        Assert.False(body.TryGetProperty("vectorQueries", out _));
        Assert.StartsWith("/indexes('flags')/docs/search.post.search?api-version=20", stub.Path,
            StringComparison.Ordinal);
        Assert.Equal("key-1", stub.ApiKey);
    }

    [Fact]
    public async Task SearchAsync_Region_SendsTheUnitVector()
    {
        await using Stub stub = await Stub.StartAsync();
        stub.Reply = """{"value":[{"@search.score":0.9,"id":"flag:DE","title":"Germany","text":"capital Berlin"}]}""";
        RgbImage image = Knowledge.Solid(8, 8, [200, 30, 10]);
        float[] vector = stub.Encoder.Encode([image]);
        RetrievalResult result =
            await stub.Retriever().SearchAsync(new RetrievalQuery("", SearchModality.Region, "the flag",
            new RgbPixels(8, 8, image.Memory), 3), default);
        Assert.Equal(new EvidenceHit("flag:DE", "Germany", "capital Berlin", 0.9f, SearchModality.Region),
            Assert.Single(result.Hits));
        JsonElement query = Assert.Single(stub.Body().GetProperty("vectorQueries").EnumerateArray());
        Assert.Equal("vector", query.GetProperty("kind").GetString());
        Assert.Equal("vector", query.GetProperty("fields").GetString());
        Assert.Equal(3, query.GetProperty("k").GetInt32());
        Assert.Equal(vector, query.GetProperty("vector").EnumerateArray().Select(value => value.GetSingle()));
        Assert.False(stub.Body().TryGetProperty("search", out _));
    }

    [Fact]
    public async Task SearchAsync_CoverageBelowAll_IsPartial()
    {
        await using Stub stub = await Stub.StartAsync();
        stub.Reply = """{"@search.coverage":66.7,"value":[{"@search.score":1,"id":"a","title":"A","text":"x"}]}""";
        RetrievalResult result = await stub.Retriever().SearchAsync(Text("fiji"), default);
        Assert.True(result.Partial);
        Assert.Single(result.Hits);
    }

    [Fact]
    public async Task SearchAsync_ServiceFails_IsPartialWithReason()
    {
        await using Stub stub = await Stub.StartAsync();
        stub.Status = 503;
        var lost = new List<string>();
        RetrievalResult result =
            await stub.Retriever(new AzureSearchOptions { OnLegLost = (leg, reason) => lost.Add($"{leg} {reason}") })
            .SearchAsync(Text("fiji"), default);
        Assert.True(result.Partial);
        Assert.Empty(result.Hits);
        Assert.StartsWith("Text:flags status 503", Assert.Single(lost), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SearchAsync_NoSuchIndex_IsNotFound()
    {
        await using Stub stub = await Stub.StartAsync();
        stub.Status = 404;
        PixException error = await Assert.ThrowsAsync<PixException>(
            async () => await stub.Retriever().SearchAsync(Text("fiji"), default));
        Assert.Equal(PixErrorKind.NotFound, error.Kind);
        Assert.Contains("\"flags\"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SearchAsync_ServiceLate_IsPartial()
    {
        var time = new ManualTime();
        await using Stub stub = await Stub.StartAsync();
        stub.Hold = new TaskCompletionSource();
        Task<RetrievalResult> search =
            stub.Retriever(new AzureSearchOptions { Deadline = TimeSpan.FromSeconds(4) }, time)
            .SearchAsync(Text("fiji"), default).AsTask();
        await stub.Asked;
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.True((await search).Partial);
        stub.Hold.SetResult();
    }

    [Fact]
    public async Task SearchAsync_NoWords_AsksNobody()
    {
        await using Stub stub = await Stub.StartAsync();
        Assert.Empty((await stub.Retriever().SearchAsync(Text("?!"), default)).Hits);
        Assert.Null(stub.Path);
    }

    private static RetrievalQuery Text(string text) => new("", SearchModality.Text, text, null, 3);

    /// <summary>
    /// The service: one endpoint on a free port of this machine, with a certificate made for the test.
    /// </summary>
    private sealed class Stub : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private readonly X509Certificate2 _certificate;
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private string _body = "";

        private Stub()
        {
            using var key = RSA.Create(2048);
            var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256,
                RSASignaturePadding.Pkcs1);
            using X509Certificate2 signed =
                request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
            _certificate = X509CertificateLoader.LoadPkcs12(signed.Export(X509ContentType.Pfx), null);
            WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseKestrelHttpsConfiguration();
            builder.WebHost.ConfigureKestrel(kestrel =>
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(_certificate)));
            _app = builder.Build();
            _app.Run(HandleAsync);
        }

        public GridEncoder Encoder { get; } = new();

        public string Reply { get; set; } = """{"value":[]}""";

        public int Status { get; set; } = 200;

        public TaskCompletionSource? Hold { get; set; }

        public Task Asked => _asked.Task;

        public string? Path { get; private set; }

        public string? ApiKey { get; private set; }

        public static async Task<Stub> StartAsync()
        {
            var stub = new Stub();
            await stub._app.StartAsync();
            return stub;
        }

        public JsonElement Body() => JsonDocument.Parse(_body).RootElement;

        public AzureSearchRetriever Retriever(AzureSearchOptions? options = null, TimeProvider? time = null)
        {
            string address = _app.Services.GetRequiredService<IServer>()
                .Features.Get<IServerAddressesFeature>()!.Addresses.Single();
            var handler = new HttpClientHandler
            {
                ServerCertificateCustomValidationCallback = (_, certificate, _, _) =>
                    certificate?.Thumbprint == _certificate.Thumbprint,
            };
            var clientOptions = new SearchClientOptions { Transport = new HttpClientTransport(handler) };
            clientOptions.Retry.MaxRetries = 0;
            var client = new SearchClient(new Uri(address), "flags", new AzureKeyCredential("key-1"), clientOptions);
            return new AzureSearchRetriever(client, Encoder, options, time);
        }

        public async ValueTask DisposeAsync()
        {
            await _app.DisposeAsync();
            _certificate.Dispose();
        }

        private async Task HandleAsync(HttpContext context)
        {
            using var reader = new StreamReader(context.Request.Body);
            _body = await reader.ReadToEndAsync(context.RequestAborted);
            Path = context.Request.Path + context.Request.QueryString;
            ApiKey = context.Request.Headers["api-key"];
            _asked.TrySetResult();
            if (Hold is not null)
            {
                await Hold.Task;
            }

            context.Response.StatusCode = Status;
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(Status == 200 ? Reply : """{"error":{"code":"","message":"no"}}""",
                CancellationToken.None);
        }
    }
}
