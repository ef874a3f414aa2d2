using PixSearch.Abstractions;

namespace PixSearch.Grains.Contracts;

// What crosses silos. Ids and aliases are for ever: tests/Cluster.Tests freezes them in a snapshot.

/// <summary>A request without its picture, which travels once, by content hash.</summary>
/// <param name="Json">The request in its documented JSON form, without the picture.</param>
/// <param name="PictureHash">SHA-256 of the encoded picture, lower-case hex; empty for none.</param>
[GenerateSerializer, Immutable]
[Alias("pixsearch.Request")]
public sealed record RequestMessage([property: Id(0)] string Json, [property: Id(1)] string PictureHash);

/// <summary>One event of a session on its way through a feed.</summary>
/// <param name="Reader">The number under which its reader follows the session.</param>
/// <param name="Sequence">Its number in the session; negative for the end of what this engine has of it.</param>
/// <param name="Text">What a text event says, the kind of which there are most; null for the other kinds.</param>
/// <param name="Json">Any other event in its documented JSON form, UTF-8.</param>
[GenerateSerializer, Immutable]
[Alias("pixsearch.FeedEvent")]
public readonly record struct FeedEvent([property: Id(0)] int Reader, [property: Id(1)] long Sequence,
    [property: Id(2)] string? Text, [property: Id(3)] byte[]? Json)
{
    /// <summary>In place of a number: the engine let the session go, which goes on elsewhere.</summary>
    public const long LetGo = -1;

    /// <summary>In place of a number: the session ended before the number that was asked for.</summary>
    public const long Over = -2;
}

/// <summary>What was new in a feed, each session's events in order; empty for a sign of life.</summary>
[GenerateSerializer, Immutable]
[Alias("pixsearch.EventBatch")]
public sealed record EventBatch([property: Id(0)] FeedEvent[] Events);

/// <summary>What an engine holds and how busy it is; published about once a second.</summary>
[GenerateSerializer, Immutable]
[Alias("pixsearch.EngineReport")]
public sealed record EngineReport
{
    /// <summary>The silo's address, parsable.</summary>
    [Id(0)]
    public required string Silo { get; init; }

    /// <summary>Names of the models that are loaded.</summary>
    [Id(1)]
    public required string[] Models { get; init; }

    /// <summary>Free pages of the key/value store.</summary>
    [Id(2)]
    public int PagesFree { get; init; }

    /// <summary>All pages.</summary>
    [Id(3)]
    public int PagesTotal { get; init; }

    /// <summary>Cost of what waits and runs, in token units.</summary>
    [Id(4)]
    public double CostQueued { get; init; }

    /// <summary>Sessions in the engine.</summary>
    [Id(5)]
    public int Sessions { get; init; }

    /// <summary>Hashes of pictures whose encoding is cached there, most recent first, at most 64.</summary>
    [Id(6)]
    public string[] Pictures { get; init; } = [];

    /// <summary>True once the silo is leaving: it takes no new session.</summary>
    [Id(7)]
    public bool Draining { get; init; }

    /// <summary>Grows with each report of one silo; a later report replaces an earlier one.</summary>
    [Id(8)]
    public long Version { get; init; }

    /// <summary>Those of the sessions that are being computed; the others wait for a place or a search.</summary>
    [Id(9)]
    public int Running { get; init; }
}

/// <summary>A query to an index; the picture is raw RGB and small (a crop), since it is never needed twice.</summary>
[GenerateSerializer, Immutable]
[Alias("pixsearch.Query")]
public sealed record QueryMessage
{
    /// <summary>Name of the index; empty for the default.</summary>
    [Id(0)]
    public required string Index { get; init; }

    /// <summary>Which leg.</summary>
    [Id(1)]
    public SearchModality Modality { get; init; }

    /// <summary>Query text.</summary>
    [Id(2)]
    public string Text { get; init; } = "";

    /// <summary>Width of the picture; 0 for none.</summary>
    [Id(3)]
    public int Width { get; init; }

    /// <summary>Height of the picture.</summary>
    [Id(4)]
    public int Height { get; init; }

    /// <summary>RGB, HWC.</summary>
    [Id(5)]
    public byte[] Pixels { get; init; } = [];

    /// <summary>Most hits.</summary>
    [Id(6)]
    public int TopK { get; init; }
}

/// <summary>Hits, best first.</summary>
[GenerateSerializer, Immutable]
[Alias("pixsearch.Hits")]
public sealed record HitsMessage([property: Id(0)] HitMessage[] Hits, [property: Id(1)] bool Partial);

/// <summary>One hit.</summary>
[GenerateSerializer, Immutable]
[Alias("pixsearch.Hit")]
public readonly record struct HitMessage([property: Id(0)] string DocumentId, [property: Id(1)] string Title,
    [property: Id(2)] string Snippet, [property: Id(3)] float Score, [property: Id(4)] SearchModality Leg);

/// <summary>A tenant's account.</summary>
[GenerateSerializer, Immutable]
[Alias("pixsearch.LedgerBalance")]
public readonly record struct LedgerBalance([property: Id(0)] long Spent, [property: Id(1)] long Reserved);

/// <summary>An expected error on its way between silos.</summary>
[GenerateSerializer]
[Alias("pixsearch.Error")]
public sealed class GrainErrorException : Exception
{
    /// <summary>An error of the closed list.</summary>
    public GrainErrorException(PixErrorKind kind, string message, double retryAfterSeconds = 0)
        : base(message) => (Kind, RetryAfterSeconds) = (kind, retryAfterSeconds);

    /// <summary>Which error.</summary>
    [Id(0)]
    public PixErrorKind Kind { get; private set; }

    /// <summary>For overload: when to try again; 0 for unknown.</summary>
    [Id(1)]
    public double RetryAfterSeconds { get; private set; }

    /// <summary>The error as the rest of the system knows it.</summary>
    public PixException ToPixException() => new(Kind, Message, this)
    {
        RetryAfter = RetryAfterSeconds > 0 ? TimeSpan.FromSeconds(RetryAfterSeconds) : null,
    };

    /// <summary>The error for the wire.</summary>
    public static GrainErrorException From(PixException error) =>
        new(error.Kind, error.Message, error.RetryAfter?.TotalSeconds ?? 0);
}
