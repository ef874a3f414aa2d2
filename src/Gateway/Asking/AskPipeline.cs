using System.Diagnostics;
using Microsoft.Extensions.Logging;
using PixSearch.Abstractions;
using PixSearch.Gateway.Pictures;
using PixSearch.Gateway.Telemetry;
using PixSearch.Gateway.Tenants;

namespace PixSearch.Gateway.Asking;

/// <summary>
/// The one way in, for gRPC and HTTP alike: who asks, may they, is the request sound, is there budget; then the session
/// is started and its events are read. Whatever happens after that, the reservation is settled exactly once.
/// </summary>
internal sealed class AskPipeline(IAnswerService service, INodeCatalog catalog, TenantDirectory tenants,
    GatewayOptions options,
    DrainState drain, LedgerJournal journal, GatewayMetrics metrics, RemotePictures? remotePictures, ILogger logger)
{
    internal RequestChecks Checks { get; } = new(catalog, options.Limits);

    internal GatewayOptions Options => options;

    internal IAnswerService Service => service;

    internal DrainState Drain => drain;

    internal LedgerJournal Journal => journal;

    internal GatewayMetrics Metrics => metrics;

    internal ILogger Logger => logger;

    /// <summary>Who sends this <c>Authorization</c>; counts refusals.</summary>
    internal Tenant Authenticate(string? authorization) => Counted(() => tenants.Authenticate(authorization));

    /// <summary>Starts a session; the caller reads and disposes it.</summary>
    internal async Task<AskSession> StartAsync(Tenant tenant, AskCommand command, CancellationToken cancellation)
    {
        long start = options.Time.GetTimestamp();
        IDisposable running = Enter();
        RequestLease? lease = null;
        long reservation = 0;
        string? session = null;
        Activity? span = null;
        try
        {
            ServedModel model = Checks.Model(tenant, command.Model);
            string index = Checks.Index(tenant, command.Index);
            Checks.Question(tenant, command);
            lease = Counted(() => tenant.Admit(RequestChecks.TokensMax(model, command)));
            ReadOnlyMemory<byte> picture = await ResolveAsync(tenant, command.Picture, cancellation);
            reservation = journal.Reserve(tenant.Name, lease.Reserved);
            var request = new AnswerRequest
            {
                Picture = picture,
                Question = command.Question,
                Model = model.Name,
                Index = index,
                Mode = index.Length == 0 ? SearchMode.None : command.Mode,
                SearchBudget = command.SearchBudget,
                Sampling = command.Sampling,
                Tenant = tenant.Name,
                Priority = command.Priority,
                Deadline = command.Deadline,
                Reservation = tenant.Shared(lease.Reserved),
            };
            span = SessionObserver.StartSpan(request);
            session = await service.StartAsync(request, cancellation);
            journal.Bind(reservation, session);
            var observer = new SessionObserver(metrics, model.Name, session, span, options.Time, start);
            return new AskSession(this, session, lease, reservation, observer, running, command.Detach);
        }
        catch (Exception error)
        {
            if (error is PixException known)
            {
                metrics.Refused(known.Kind);
                span?.SetTag("error.type", ErrorMap.Of(known.Kind).Code);
            }

            span?.SetStatus(ActivityStatusCode.Error);
            span?.Dispose();

            // A session that never began has computed nothing.
            if (reservation != 0 && session is null)
            {
                journal.Settle(reservation, 0);
            }

            lease?.Dispose();
            running.Dispose();
            throw;
        }
    }

    /// <summary>The events of a session of this tenant from a number on; reading it changes nothing about the
    /// session.</summary>
    internal async Task<IAsyncEnumerable<SessionEvent>> ResumeAsync(Tenant tenant, string session, long fromSequence,
        CancellationToken cancellation)
    {
        RequestChecks.Range("from_sequence", fromSequence, 0, long.MaxValue);
        await FindAsync(tenant, session, cancellation);
        return ReadGuardedAsync(session, fromSequence, cancellation);
    }

    /// <summary>Ends a session of this tenant; false when it was over.</summary>
    internal async Task<bool> CancelAsync(Tenant tenant, string session, CancellationToken cancellation)
    {
        await FindAsync(tenant, session, cancellation);
        return await CancelMeasuredAsync(session, cancellation);
    }

    internal async Task<bool> CancelMeasuredAsync(string session, CancellationToken cancellation)
    {
        long start = options.Time.GetTimestamp();
        bool cancelled = await service.CancelAsync(session, cancellation);
        metrics.CancelSeconds.Record(options.Time.GetElapsedTime(start).TotalSeconds);
        return cancelled;
    }

    /// <summary>Takes over what an earlier process left: its charges, and the sessions that it did not live to
    /// settle.</summary>
    internal async Task RecoverAsync(CancellationToken cancellation)
    {
        foreach (LedgerJournal.Entry entry in journal.TakeUnsettled())
        {
            if (tenants.Find(entry.Tenant) is not { } tenant)
            {
                journal.Settle(entry.Reservation, 0);
                continue;
            }

            RequestLease lease = tenant.Readmit(entry.Tokens);
            if (entry.Session is not { } session || await service.FindAsync(session, cancellation) is null)
            {
                // It may have run without our knowing: never charged too little.
                journal.Settle(entry.Reservation, entry.Tokens);
                lease.Settle(entry.Tokens);
                continue;
            }

            var observer = SessionObserver.Silent(metrics, session, options.Time);
            var left = new AskSession(this, session, lease, entry.Reservation, observer, drain.Track(), detach: true);
            await left.DisposeAsync();
        }

        foreach (Tenant tenant in tenants.All)
        {
            journal.RestoreSpent(tenant);
        }
    }

    /// <summary>Counts a request in, or refuses it: the server drains, or is full.</summary>
    internal IDisposable Enter()
    {
        if (drain.IsDraining)
        {
            metrics.Refused(PixErrorKind.Unavailable);
            throw new PixException(PixErrorKind.Unavailable,
                "The server is shutting down; another replica may answer.");
        }

        if (drain.Running >= options.Limits.ConcurrentRequestsMax)
        {
            metrics.Refused(PixErrorKind.Overloaded);
            throw new PixException(PixErrorKind.Overloaded,
                $"{drain.Running} requests run already; the limit is {options.Limits.ConcurrentRequestsMax}.");
        }

        return drain.Track();
    }

    /// <summary>The picture's bytes, checked; fetched when it is a URL and that is allowed.</summary>
    internal async Task<ReadOnlyMemory<byte>> ResolveAsync(
        Tenant tenant, PictureSource source, CancellationToken cancellation)
    {
        if (source.IsNone)
        {
            return default;
        }

        ReadOnlyMemory<byte> bytes = source.Bytes;
        if (!string.IsNullOrEmpty(source.Url))
        {
            if (remotePictures is null || !tenant.Rules.RemotePictures)
            {
                throw new PixException(PixErrorKind.InvalidPicture,
                    "Pictures by URL are off; send the picture itself (data URL or bytes).");
            }

            bytes = await remotePictures.FetchAsync(source.Url, cancellation);
        }

        Checks.Picture(bytes);
        return bytes;
    }

    internal T Counted<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (PixException error)
        {
            metrics.Refused(error.Kind);
            throw;
        }
    }

    /// <summary>Events until the end, or until the server hands its sessions over.</summary>
    internal async IAsyncEnumerable<SessionEvent> ReadGuardedAsync(string session, long fromSequence,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, drain.HandOver);
        await using IAsyncEnumerator<SessionEvent> events =
            service.ReadAsync(session, fromSequence, both.Token).GetAsyncEnumerator(both.Token);
        long next = fromSequence;
        while (true)
        {
            try
            {
                if (!await events.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (OperationCanceledException) when (
                drain.HandOver.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                throw new PixException(PixErrorKind.Unavailable,
                    $"The server is going away. Session {session} goes on: resume it from event {next}.");
            }

            next = events.Current.Sequence + 1;
            yield return events.Current;
        }
    }

    private async Task<SessionInfo> FindAsync(Tenant tenant, string session, CancellationToken cancellation)
    {
        SessionInfo? info = session.Length is > 0 and <= 128 ? await service.FindAsync(session, cancellation) : null;

        // The same answer for "none" and "not yours": ids of others cannot be found out.
        return info is not null && info.Tenant == tenant.Name
            ? info
            : throw new PixException(PixErrorKind.NotFound, "There is no session with that id.");
    }
}
