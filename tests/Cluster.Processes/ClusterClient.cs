using System.Collections.Concurrent;
using System.Diagnostics;
using Google.Protobuf;
using PixSearch.Gateway.V1;
using PixSearch.Grpc;
using PixSearch.Imaging;
using PixSearch.Models.Tests.Families;

namespace PixSearch.Cluster.Processes;

/// <summary>
/// Asks over gRPC. An answer is one call: a reconnect that a client would notice is a failure.
/// </summary>
internal sealed class ClusterClient(Uri gateway, Journal journal) : IDisposable
{
    private const string Method = "/pixsearch.v1.PixSearch/Answer";

    private static readonly ByteString s_picture =
        ByteString.CopyFrom(PictureCodec.EncodePng(TinyModels.Picture(40, 30, 3)));

    private readonly GrpcChannel _channel = new(gateway);

    /// <summary>A question, which is also its answer: a mask with a region search, a text search, words.</summary>
    public static string Question(string mark) =>
        $"{mark}: The flag on the left is red<search><region></search> and the harbour is "
        + "<search>harbour crane</search> the flag on the left and the apple, "
        + string.Concat(Enumerable.Repeat("the flag on the left and the apple ", 6)) + "and the end.";

    /// <summary>All events in their wire form, one after the other, as they come.</summary>
    public IAsyncEnumerable<AnswerEvent> AskAsync(string question, string? traceparent = null)
    {
        var request = new AnswerRequest { Question = question, Picture = s_picture, SearchMode = SearchMode.Auto };
        var options = new GrpcCallOptions();
        if (traceparent is not null)
        {
            options.Headers.Add("traceparent", traceparent);
        }

        return _channel.ServerStreamAsync<AnswerRequest, AnswerEvent>(Method, request, options);
    }

    /// <summary>For the events of one question.</summary>
    public Answer Begin() => new(journal);

    /// <summary>The whole answer.</summary>
    public async Task<Answer> AnswerAsync(string question, string? traceparent = null)
    {
        Answer answer = Begin();
        await foreach (AnswerEvent next in AskAsync(question, traceparent))
        {
            answer.Add(next);
        }

        return answer;
    }

    public void Dispose() => _channel.Dispose();
}

/// <summary>The events of a session as they arrived.</summary>
internal sealed class Answer(Journal journal)
{
    private static readonly TimeSpan s_notable = TimeSpan.FromSeconds(1);

    private readonly List<AnswerEvent> _events = [];
    private long _last = Stopwatch.GetTimestamp();

    public IReadOnlyList<AnswerEvent> Events => _events;

    /// <summary>The longest silence between two events, or before the first.</summary>
    public TimeSpan LongestPause { get; private set; }

    public void Add(AnswerEvent next)
    {
        long now = Stopwatch.GetTimestamp();
        TimeSpan pause = Stopwatch.GetElapsedTime(_last, now);
        (_last, LongestPause) = (now, pause > LongestPause ? pause : LongestPause);
        if (pause > s_notable)
        {
            journal.Note("client", $"event {next.Sequence} after {pause.TotalSeconds:0.0} s");
        }

        _events.Add(next);
    }

    /// <summary>Numbers without holes, and one end.</summary>
    public void AssertWhole()
    {
        Assert.Equal(Enumerable.Range(0, _events.Count).Select(i => (long)i), _events.Select(next => next.Sequence));
        Assert.Equal(AnswerEvent.EventOneofCase.Finished, _events[^1].EventCase);
        Assert.Single(_events, next => next.EventCase is AnswerEvent.EventOneofCase.Finished);
    }

    /// <summary>The same bytes as another answer.</summary>
    public void AssertEquals(Answer other) =>
        Assert.Equal(other._events.Select(next => next.ToByteString().ToBase64()),
            _events.Select(next => next.ToByteString().ToBase64()));
}

/// <summary>Clients that ask again and again until they are told to stop; each checks all of its answers.</summary>
internal sealed class Load : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Answer> _answers = [];
    private readonly Task[] _clients;
    private readonly TaskCompletionSource _busy = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _streaming;

    public Load(ClusterClient client, int clients, string question)
    {
        Expected = client.AnswerAsync(question);
        _clients = [.. Enumerable.Range(0, clients).Select(_ => Task.Run(() => RunAsync(client, clients, question)))];
    }

    /// <summary>The undisturbed answer.</summary>
    public Task<Answer> Expected { get; }

    /// <summary>Every client has received an event.</summary>
    public Task BusyAsync() => _busy.Task.WaitAsync(TimeSpan.FromSeconds(60));

    /// <summary>Lets the answers under way end; the number of answers, all of them right.</summary>
    public async Task<int> StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients).WaitAsync(TimeSpan.FromSeconds(120));
        Answer expected = await Expected;
        foreach (Answer answer in _answers)
        {
            answer.AssertWhole();
            answer.AssertEquals(expected);
        }

        return _answers.Count;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _stop.Dispose();
    }

    private async Task RunAsync(ClusterClient client, int clients, string question)
    {
        await Expected;
        bool first = true;
        while (!_stop.IsCancellationRequested)
        {
            Answer answer = client.Begin();
            await foreach (AnswerEvent next in client.AskAsync(question))
            {
                answer.Add(next);
                if (first && Interlocked.Increment(ref _streaming) == clients)
                {
                    _busy.TrySetResult();
                }

                first = false;
            }

            _answers.Add(answer);
        }
    }
}
