using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace PixSearch.Gateway.Http;

/// <summary>
/// Server-sent events (WHATWG HTML §9.2). Writing waits for the client's flow control, so a slow reader stops the
/// session that it reads instead of growing a buffer; a client that stops reading altogether is dropped by Kestrel's
/// minimum rate.
/// </summary>
internal sealed class SseStream(HttpContext http)
{
    // A slow reader is felt only at a flush, so events that are ready at once do not pile up without one.
    private const int UnflushedBytesMax = 16 * 1024;

    private readonly PipeWriter _output = http.Response.BodyWriter;

    /// <summary>Sends the headers.</summary>
    internal async Task StartAsync()
    {
        http.Response.ContentType = "text/event-stream; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await http.Response.StartAsync(http.RequestAborted);
        await _output.FlushAsync(http.RequestAborted);
    }

    /// <summary>One event whose data is JSON (which holds no line feed); sent by the next flush.</summary>
    internal void Write<T>(T data, JsonSerializerOptions options, string? name = null, long? id = null)
    {
        WriteHead(name, id);
        using (var json = new Utf8JsonWriter(_output, new JsonWriterOptions { Encoder = options.Encoder }))
        {
            JsonSerializer.Serialize(json, data, options);
        }

        _output.Write("\n\n"u8);
    }

    /// <summary>One event with ready data; sent by the next flush.</summary>
    internal void WriteRaw(ReadOnlyMemory<byte> data, string? name = null)
    {
        WriteHead(name, null);
        _output.Write(data.Span);
        _output.Write("\n\n"u8);
    }

    /// <summary>Sends what was written, and waits until the client's flow control has room.</summary>
    internal async Task FlushAsync() => await _output.FlushAsync(http.RequestAborted);

    /// <summary>
    /// Passes items to <paramref name="write"/>, and a comment whenever nothing came for a while. Items that are ready
    /// together (a resumed session, the last events of one) are sent by one flush: a flush is a call of the system.
    /// </summary>
    internal async Task PumpAsync<T>(IAsyncEnumerable<T> items, TimeSpan keepAlive, TimeProvider time,
        Action<T> write)
    {
        await using IAsyncEnumerator<T> source = items.GetAsyncEnumerator(http.RequestAborted);
        while (true)
        {
            ValueTask<bool> pending = source.MoveNextAsync();
            bool more = pending.IsCompleted && _output.UnflushedBytes < UnflushedBytesMax
                ? await pending
                : await FlushAndWaitAsync(pending.AsTask(), keepAlive, time);
            if (!more)
            {
                return;
            }

            write(source.Current);
        }
    }

    private async Task<bool> FlushAndWaitAsync(Task<bool> next, TimeSpan keepAlive, TimeProvider time)
    {
        try
        {
            await FlushAsync();
            return await WaitAsync(next, keepAlive, time);
        }
        catch when (!next.IsCompleted)
        {
            // The client left. The items' own wait ends with it; their source must not be disposed of while it runs.
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    private async Task<bool> WaitAsync(Task<bool> next, TimeSpan keepAlive, TimeProvider time)
    {
        while (true)
        {
            try
            {
                return await next.WaitAsync(keepAlive, time);
            }
            catch (TimeoutException) when (!next.IsCompleted)
            {
                _output.Write(": waiting\n\n"u8);
                await _output.FlushAsync(http.RequestAborted);
            }
        }
    }

    private void WriteHead(string? name, long? id)
    {
        if (id is { } number)
        {
            _output.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"id: {number}\n")));
        }

        if (name is not null)
        {
            _output.Write(Encoding.ASCII.GetBytes($"event: {name}\n"));
        }

        _output.Write("data: "u8);
    }
}
