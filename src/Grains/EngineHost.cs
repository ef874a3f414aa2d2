using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Orleans.Runtime;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;
using PixSearch.Grains.Placement;
using PixSearch.Grains.Storage;
using PixSearch.Imaging;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;

namespace PixSearch.Grains;

/// <summary>
/// The silo's one engine: decodes pictures off the grains' turns, submits sessions with their log, remembers their
/// streams for readers.
/// </summary>
public sealed class EngineHost(EngineLoop loop, ClusterSessionLog log, EngineHostSettings settings,
    ILocalSiloDetails silo)
    : IEngineHost
{
    // Streams of ended sessions stay readable here for a while; later readers replay from the store.
    private const int StreamsMax = 1024;

    private const int PicturesReportedMax = 64;

    private readonly ConcurrentDictionary<string, Held> _held = new();
    private readonly ConcurrentQueue<string> _pictures = new();
    private readonly SemaphoreSlim _decodes = new(2);
    private long _version;
    private volatile bool _draining;

    /// <inheritdoc/>
    public bool IsDraining => _draining;

    /// <inheritdoc/>
    public EnginePlace Enter(bool resumed) => _draining
        ? throw new PixException(PixErrorKind.Unavailable, "This silo is leaving and takes no session.")
        : loop.Enter(resumed);

    /// <inheritdoc/>
    public async Task RunAsync(StoredSession session, EnginePlace place, CancellationToken cancellation)
    {
        if (_held.TryGetValue(session.Id, out Held? known))
        {
            // Claimed again: what runs here is fenced already, its pages must go before the new epoch starts.
            await loop.HandOverAsync(session.Id);
            known.Stream.Abandon();
        }

        AnswerRequest request = session.Request;
        SessionOptions options = settings.Session.For(request);
        RgbImage? picture = await DecodeAsync(request, cancellation);
        UInt128 key = picture is null ? 0 : EngineRequest.KeyOf(request.Tenant, picture);
        LogEntry[] replay = [.. session.Entries.Select(entry => JsonSerializer.Deserialize<LogEntry>(entry)!)];
        log.Own(session.Id, session.Epoch, session.Position);
        EventStream stream = await loop.SubmitAsync(new EngineRequest(session.Id, request, options, picture, key,
            replay, Activity.Current?.Context ?? default), place);
        double cost = EngineWishes.For(request, "").CostEstimate;
        _held[session.Id] = new Held(stream, Environment.TickCount64, cost);
        if (_draining)
        {
            // Draining began while the picture was decoded: the round over all sessions may have missed this one.
            await loop.HandOverAsync(session.Id);
        }

        Remember(request);
        Trim();
    }

    /// <inheritdoc/>
    public EventStream? Find(string sessionId) =>
        _held.TryGetValue(sessionId, out Held? held) && !held.Stream.IsAbandoned ? held.Stream : null;

    /// <inheritdoc/>
    public Task<bool> CancelAsync(string sessionId) => loop.CancelAsync(sessionId);

    /// <inheritdoc/>
    public async Task<EngineReport> ReportAsync()
    {
        EngineStats stats = await loop.StatsAsync();
        int sessions = stats.SessionsRunning + stats.SessionsWaiting + stats.SessionsSearching;
        return new EngineReport
        {
            Silo = silo.SiloAddress.ToParsableString(),
            Models = [settings.Model],
            PagesFree = stats.PagesFree + stats.PagesCached,
            PagesTotal = stats.PagesFree + stats.PagesCached + stats.PagesHeld,
            CostQueued = _held.Values.Where(held => !held.Stream.IsClosed).Sum(held => held.Cost),
            Sessions = sessions,
            Running = stats.SessionsRunning,
            Pictures = [.. _pictures.Distinct()],
            Draining = _draining,
            Version = Interlocked.Increment(ref _version),
        };
    }

    /// <inheritdoc/>
    public async Task DrainAsync()
    {
        _draining = true;
        foreach (string id in _held.Keys)
        {
            await loop.HandOverAsync(id);
        }
    }

    private async Task<RgbImage?> DecodeAsync(AnswerRequest request, CancellationToken cancellation)
    {
        if (request.Picture.IsEmpty)
        {
            return null;
        }

        await _decodes.WaitAsync(cancellation);
        try
        {
            return await Task.Run(() => PictureCodec.Decode(request.Picture.Span, settings.Picture), cancellation);
        }
        finally
        {
            _decodes.Release();
        }
    }

    private void Remember(AnswerRequest request)
    {
        if (request.Picture.IsEmpty)
        {
            return;
        }

        _pictures.Enqueue(Convert.ToHexStringLower(SHA256.HashData(request.Picture.Span)));
        while (_pictures.Count > PicturesReportedMax)
        {
            _pictures.TryDequeue(out _);
        }
    }

    private void Trim()
    {
        if (_held.Count <= StreamsMax)
        {
            return;
        }

        foreach (KeyValuePair<string, Held> pair in _held.Where(pair => pair.Value.Stream.IsClosed)
            .OrderBy(pair => pair.Value.Since).Take(_held.Count - StreamsMax).ToArray())
        {
            _held.TryRemove(pair.Key, out _);
        }
    }

    private sealed record Held(EventStream Stream, long Since, double Cost);
}

/// <summary>What a silo's engine serves, and under which limits.</summary>
/// <param name="Model">Name of the model.</param>
/// <param name="Session">What a session starts from where its request says nothing.</param>
/// <param name="Picture">What a picture may cost.</param>
public sealed record EngineHostSettings(string Model, SessionOptions Session, PictureLimits Picture);
