using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Gateway.V1;
using PixSearch.Grpc;

namespace PixSearch.Cli.Bench;

/// <summary>A client of both doors of a server, as programs use them.</summary>
internal sealed class DoorClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly GrpcChannel _channel;
    private readonly GrpcCallOptions _call;

    /// <summary>A client; no key for a server without tenants.</summary>
    public DoorClient(Uri http, Uri grpc, string? key)
    {

        // Who leaves a stream leaves at once: the handler would read on for up to two seconds to keep its connection.
        var handler = new SocketsHttpHandler { UseProxy = false, MaxResponseDrainSize = 0 };
        _http = new HttpClient(handler) { BaseAddress = http };
        _channel = new GrpcChannel(grpc);
        _call = new GrpcCallOptions();
        if (key is not null)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            _call = _call with { Headers = new GrpcMetadata { { "authorization", $"Bearer {key}" } } };
        }
    }

    /// <summary>The HTTP door.</summary>
    public HttpClient Http => _http;

    /// <summary>The gRPC door.</summary>
    public GrpcChannel Channel => _channel;

    /// <summary>Settings of calls on it.</summary>
    public GrpcCallOptions Call => _call;

    /// <summary>Posts JSON; the answer is there as soon as its headers are.</summary>
    public Task<HttpResponseMessage> PostAsync(string path, object body, CancellationToken cancellation)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = JsonContent.Create(body, options: JsonSerializerOptions.Web),
        };
        return _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
    }

    /// <summary>Asks over HTTP (SSE) and reads to the end; the number of bytes.</summary>
    public async Task<long> AskHttpAsync(string question, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await PostAsync("/v1/answers", new { question, stream = true },
            cancellation);
        response.EnsureSuccessStatusCode();
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellation);
        byte[] buffer = new byte[8192];
        long total = 0;
        for (int read; (read = await stream.ReadAsync(buffer, cancellation)) > 0;)
        {
            total += read;
        }

        return total;
    }

    /// <summary>The texts of an answer over HTTP (SSE), as they arrive.</summary>
    public async IAsyncEnumerable<string> TextsHttpAsync(string question,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        using HttpResponseMessage response = await PostAsync("/v1/answers", new { question, stream = true },
            cancellation);
        response.EnsureSuccessStatusCode();
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellation);
        await foreach (SseItem<string> item in SseParser.Create(stream).EnumerateAsync(cancellation))
        {
            if (item.EventType == "text")
            {
                using JsonDocument text = JsonDocument.Parse(item.Data);
                yield return text.RootElement.GetProperty("text").GetString()!;
            }
        }
    }

    /// <summary>The texts of an answer over gRPC, as they arrive.</summary>
    public async IAsyncEnumerable<string> TextsGrpcAsync(string question,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (AnswerEvent next in _channel.ServerStreamAsync<Gateway.V1.AnswerRequest, AnswerEvent>(
            "/pixsearch.v1.PixSearch/Answer", new Gateway.V1.AnswerRequest { Question = question }, _call,
            cancellation))
        {
            if (next.EventCase == AnswerEvent.EventOneofCase.Text)
            {
                yield return next.Text.Text;
            }
        }
    }

    /// <summary>Asks over gRPC and reads to the end; the number of events.</summary>
    public async Task<long> AskGrpcAsync(string question, CancellationToken cancellation)
    {
        long events = 0;
        await foreach (AnswerEvent _ in _channel.ServerStreamAsync<Gateway.V1.AnswerRequest, AnswerEvent>(
            "/pixsearch.v1.PixSearch/Answer", new Gateway.V1.AnswerRequest { Question = question }, _call,
            cancellation))
        {
            events++;
        }

        return events;
    }

    /// <summary>
    /// The whole text of an answer over HTTP; throws <see cref="PixException"/> when it was refused or failed.
    /// </summary>
    public async Task<string> TextAsync(string question, int maxTokens, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await PostAsync("/v1/answers",
            new { question, max_tokens = maxTokens, search_mode = "none" }, cancellation);
        string body = await response.Content.ReadAsStringAsync(cancellation);
        if (!response.IsSuccessStatusCode)
        {
            throw new PixException(PixErrorKind.Unavailable, $"{(int)response.StatusCode}: {body}");
        }

        return JsonDocument.Parse(body).RootElement.GetProperty("text").GetString()!;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        _channel.Dispose();
    }
}
