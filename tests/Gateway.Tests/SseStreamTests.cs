using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using PixSearch.Gateway.Http;

namespace PixSearch.Gateway.Tests;

/// <summary>When events leave: at once those that somebody waits for, together those that are ready together.</summary>
public sealed class SseStreamTests
{
    private static readonly TimeSpan s_keepAlive = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task Pump_EventsThatAreReadyTogether_GoByOneFlushAndALateOneByItsOwn()
    {
        var wire = new Wire();
        var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        SseStream sse = Open(wire);
        Task pump = sse.PumpAsync(Events(), s_keepAlive, TimeProvider.System,
            number => sse.Write(number, JsonSerializerOptions.Web));
        Assert.Equal(["data: 0\n\ndata: 1\n\ndata: 2\n\n"], wire.Flushed);

        late.SetResult();
        await pump;
        await sse.FlushAsync();
        Assert.Equal("data: 3\n\n", string.Concat(wire.Flushed.Skip(1)));

        async IAsyncEnumerable<int> Events()
        {
            for (int i = 0; i < 3; i++)
            {
                yield return i;
            }

            await late.Task;
            yield return 3;
        }
    }

    [Fact]
    public async Task Pump_ManyReadyEvents_AreFlushedEveryFewPages()
    {
        var wire = new Wire();
        SseStream sse = Open(wire);
        string text = new('x', 1000);
        await sse.PumpAsync(Enumerable.Repeat(text, 200).ToAsyncEnumerable(), s_keepAlive, TimeProvider.System,
            next => sse.Write(next, JsonSerializerOptions.Web));
        await sse.FlushAsync();

        Assert.Equal(200 * "data: \"\"\n\n".Length + 200_000, wire.Flushed.Sum(part => part.Length));
        Assert.All(wire.Flushed, part => Assert.True(part.Length < 18_000, $"{part.Length}"));
    }

    [Fact]
    public async Task Pump_ClientLeavesWhileTheNextEventIsAwaited_EndsTheSourceFirst()
    {
        using var left = new CancellationTokenSource();
        var wire = new Wire { Broken = left };
        SseStream sse = Open(wire, left.Token);
        bool ended = false;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sse.PumpAsync(Events(), s_keepAlive,
            TimeProvider.System, number => sse.Write(number, JsonSerializerOptions.Web)));
        Assert.True(ended);

        async IAsyncEnumerable<int> Events()
        {
            try
            {
                yield return 0;
                await new TaskCompletionSource().Task.WaitAsync(left.Token);
            }
            finally
            {
                // As cleaning up does, which may take its time.
                await Task.Yield();
                ended = true;
            }
        }
    }

    private static SseStream Open(Wire wire, CancellationToken aborted = default)
    {
        var http = new DefaultHttpContext { RequestAborted = aborted };
        http.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(wire));
        return new SseStream(http);
    }

    /// <summary>What was sent by each flush.</summary>
    private sealed class Wire : MemoryStream
    {
        private int _sent;

        public List<string> Flushed { get; } = [];

        /// <summary>Is cancelled by the first flush, which fails.</summary>
        public CancellationTokenSource? Broken { get; init; }

        public override Task FlushAsync(CancellationToken cancellationToken)
        {
            if (Broken is not null)
            {
                Broken.Cancel();
                throw new OperationCanceledException(Broken.Token);
            }

            if (Length > _sent)
            {
                Flushed.Add(Encoding.UTF8.GetString(GetBuffer(), _sent, (int)Length - _sent));
                _sent = (int)Length;
            }

            return Task.CompletedTask;
        }
    }
}
