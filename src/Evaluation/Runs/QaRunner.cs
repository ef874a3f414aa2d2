using System.Threading.Channels;
using PixSearch.Abstractions;

namespace PixSearch.Evaluation;

/// <summary>How questions are asked.</summary>
public sealed record QaOptions
{
    /// <summary>Name of the model; empty for the default.</summary>
    public string Model { get; init; } = "";

    /// <summary>Name of the index; empty for the default.</summary>
    public string Index { get; init; } = "";

    /// <summary>Questions under way at once, 1..256.</summary>
    public int Concurrency { get; init; } = 8;

    /// <summary>Most searches of a question; null for the session's default.</summary>
    public int? SearchBudget { get; init; }

    /// <summary>Most tokens that the model may write.</summary>
    public int TokensMax { get; init; } = 128;
}

/// <summary>
/// Asks the questions of a data set through the same port as the front doors, several at once, greedily. A session that
/// fails counts as a wrong answer; it does not end the run.
/// </summary>
/// <param name="service">Answers.</param>
/// <param name="data">The questions.</param>
/// <param name="options">How to ask.</param>
/// <param name="time">Clock of the times in records; null for the system's.</param>
public sealed class QaRunner(IAnswerService service, EvalDataset data, QaOptions options, TimeProvider? time = null)
{
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Asks in one mode.</summary>
    /// <param name="samples">The questions.</param>
    /// <param name="mode">Which searches are allowed.</param>
    /// <param name="done">Told of each record, one at a time, in the order in which they end.</param>
    /// <param name="cancellation">Ends the run; sessions under way are cancelled.</param>
    /// <returns>Records in the order of <paramref name="samples"/>.</returns>
    public async Task<IReadOnlyList<QaRecord>> RunAsync(IReadOnlyList<EvalSample> samples, SearchMode mode,
        Action<QaRecord> done, CancellationToken cancellation)
    {
        if (options.Concurrency is < 1 or > 256)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"{options.Concurrency} questions at once were asked for; the range is 1 to 256 (--parallel).");
        }

        var records = new QaRecord[samples.Count];
        var finished = Channel.CreateBounded<QaRecord>(options.Concurrency);
        Task asking = AskAllAsync();
        await foreach (QaRecord record in finished.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            done(record);
        }

        await asking.ConfigureAwait(false);
        return records;

        async Task AskAllAsync()
        {
            try
            {
                var limits = new ParallelOptions
                {
                    MaxDegreeOfParallelism = options.Concurrency,
                    CancellationToken = cancellation,
                };
                await Parallel.ForAsync(0, samples.Count, limits, async (i, token) =>
                {
                    records[i] = await AskAsync(samples[i], mode, token).ConfigureAwait(false);
                    await finished.Writer.WriteAsync(records[i], token).ConfigureAwait(false);
                }).ConfigureAwait(false);
            }
            finally
            {
                // The error, if any, is thrown by the task itself, after what was finished has been reported.
                finished.Writer.Complete();
            }
        }
    }

    private async Task<QaRecord> AskAsync(EvalSample sample, SearchMode mode, CancellationToken cancellation)
    {
        var observer = new QaObserver(sample, data);
        var request = new AnswerRequest
        {
            Picture = data.ReadPicture(sample),
            Question = sample.Question,
            Model = options.Model,
            Index = options.Index,
            Mode = mode,
            SearchBudget = options.SearchBudget,
            Sampling = new SamplingOptions { MaxTokens = options.TokensMax },
        };
        long started = _time.GetTimestamp();
        double? firstText = null;
        string? session = null;
        bool ended = false;
        try
        {
            session = await service.StartAsync(request, cancellation).ConfigureAwait(false);
            await foreach (SessionEvent item in service.ReadAsync(session, 0, cancellation).ConfigureAwait(false))
            {
                observer.Observe(item);
                firstText ??= observer.HasText ? _time.GetElapsedTime(started).TotalSeconds : null;
                ended = item is Finished or Failed;
            }
        }
        catch (PixException error)
        {
            observer.Fail(error);
        }
        finally
        {
            if (session is not null && !ended)
            {
                await service.CancelAsync(session, CancellationToken.None).ConfigureAwait(false);
            }
        }

        return observer.Finish(firstText, _time.GetElapsedTime(started).TotalSeconds);
    }
}
