using PixSearch.Abstractions;

namespace PixSearch.Cli.Bench;

/// <summary>
/// Sends a load to any <see cref="IAnswerService"/> and takes the times that a client sees. Open loop: a question's
/// time begins when it was due, so that a server that falls behind cannot hide it (no coordinated omission).
/// </summary>
internal sealed class ServeRunner(IAnswerService service, TimeProvider time)
{
    /// <summary>Runs the load to its end.</summary>
    public async Task<ServeResult> RunAsync(string name, ServeLoad load, CancellationToken cancellation)
    {
        IReadOnlyList<byte[]> pictures = load.MakePictures();
        long started = time.GetTimestamp();
        QuestionTimes[] times = load.Clients > 0
            ? await ClosedAsync(load, pictures, cancellation)
            : await OpenAsync(load, pictures, cancellation);
        return ServeResult.Of(name, time.GetElapsedTime(started).TotalSeconds, times);
    }

    private async Task<QuestionTimes[]> ClosedAsync(ServeLoad load, IReadOnlyList<byte[]> pictures,
        CancellationToken cancellation)
    {
        var times = new QuestionTimes[load.Questions];
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, load.Clients).Select(async _ =>
        {
            for (int i = Interlocked.Increment(ref next); i < times.Length; i = Interlocked.Increment(ref next))
            {
                times[i] = await AskAsync(load.Request(i, pictures), time.GetTimestamp(), cancellation);
            }
        }));
        return times;
    }

    private async Task<QuestionTimes[]> OpenAsync(ServeLoad load, IReadOnlyList<byte[]> pictures,
        CancellationToken cancellation)
    {
        var random = new SeededRandom(load.Seed);
        var asked = new List<Task<QuestionTimes>>();
        long started = time.GetTimestamp();
        double due = 0;
        for (int i = 0; i < load.Questions; i++)
        {
            due += -Math.Log(1 - random.NextDouble()) / load.Rate;
            TimeSpan wait = TimeSpan.FromSeconds(due) - time.GetElapsedTime(started);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, time, cancellation);
            }

            long dueAt = started + (long)(due * time.TimestampFrequency);
            asked.Add(AskAsync(load.Request(i, pictures), dueAt, cancellation));
        }

        return await Task.WhenAll(asked);
    }

    private async Task<QuestionTimes> AskAsync(AnswerRequest request, long started, CancellationToken cancellation)
    {
        var times = new QuestionTimes();
        try
        {
            string session = await service.StartAsync(request, cancellation);
            double? lastText = null;
            double searched = 0;
            await foreach (SessionEvent item in service.ReadAsync(session, 0, cancellation))
            {
                double now = time.GetElapsedTime(started).TotalMilliseconds;
                Take(times, item, now, ref lastText, ref searched);
            }
        }
        catch (PixException error)
        {
            times.Error = error.Kind;
        }

        return times;
    }

    private static void Take(QuestionTimes times, SessionEvent item, double now, ref double? lastText,
        ref double searched)
    {
        switch (item)
        {
            case TextDelta:
                times.FirstText ??= now;
                if (lastText is { } last)
                {
                    times.BetweenTexts.Add(now - last);
                }

                lastText = now;
                return;
            case MaskFound:
                times.FirstMask ??= now;
                break;
            case SearchStarted:
                searched = now;
                break;
            case Evidence:
                times.SearchTurns.Add(now - searched);
                break;
            case Usage usage:
                times.Tokens = usage.CompletionTokens;
                break;
            case Finished:
                times.End = now;
                break;
            case Failed failed:
                times.Error = failed.Kind;
                break;
            default:
                break;
        }

        // A search or mask in between is measured on its own.
        lastText = null;
    }
}
