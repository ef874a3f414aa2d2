using PixSearch.Abstractions;
using PixSearch.Tensors;

namespace PixSearch.Inference.Engine;

/// <summary>What happens to a session's pages while it waits for a search.</summary>
public enum PausePolicy
{
    /// <summary>
    /// Pages stay until somebody else needs them and the engine has time that he could use; then as many as he needs
    /// go, from the end of the session that is away longest, if computing them again takes less than is gained.
    /// </summary>
    Cost,

    /// <summary>Pages always stay; for comparison.</summary>
    Keep,

    /// <summary>Pages are always given up and computed again, and are not found in the prefix cache either; for
    /// comparison.</summary>
    Drop,
}

/// <summary>The limits of an engine. Every queue and cache of it is bounded by one of these.</summary>
public sealed record EngineOptions
{
    /// <summary>Positions in a page.</summary>
    public int PageSize { get; init; } = 16;

    /// <summary>Pages of the key/value store; at least one whole context.</summary>
    public int PageCount { get; init; } = 64;

    /// <summary>How the store holds its numbers: BF16 takes half the memory and half of what decoding reads.</summary>
    public KvType KvType { get; init; } = KvType.F32;

    /// <summary>Most rows in one step: decode rows first, then chunks of prompts and evidence.</summary>
    public int TokenBudget { get; init; } = 256;

    /// <summary>Most sessions that are computed at the same time.</summary>
    public int RunningMax { get; init; } = 64;

    /// <summary>Most sessions in the engine, waiting and searching ones too; the next is answered <c>Overloaded</c>
    /// at once.</summary>
    public int SessionsMax { get; init; } = 256;

    /// <summary>Most sessions of one tenant; 0 for no limit of its own.</summary>
    public int SessionsPerTenantMax { get; init; }

    /// <summary>
    /// Longest expected wait for a place among the running ones; a session that would wait longer, or beyond its own
    /// deadline, is answered <c>Overloaded</c> at once. Zero: only the number of sessions counts.
    /// </summary>
    public TimeSpan QueueWaitMax { get; init; }

    /// <summary>Events that may wait for a slow reader before its session stops being scheduled.</summary>
    public int EventBufferMax { get; init; } = 256;

    /// <summary>How long a session whose buffer is full waits for its reader before it ends.</summary>
    public TimeSpan ReaderTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>What happens to pages during a search.</summary>
    public PausePolicy PausePolicy { get; init; } = PausePolicy.Cost;

    /// <summary>Whether full pages are kept for prompts that begin the same, for the same tenant.</summary>
    public bool PrefixCache { get; init; } = true;

    /// <summary>Encoded pictures that are kept.</summary>
    public int ImageCacheMax { get; init; } = 32;

    /// <summary>Most mask pixels of one session's decoder call (bounds memory: 4 bytes each); later spans stay
    /// without mask.</summary>
    public int MaskPixelsMax { get; init; } = 64 << 20;

    /// <summary>Finished sessions whose events can still be read.</summary>
    public int RetainedMax { get; init; } = 1024;

    /// <summary>How long a finished session's events can still be read.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Told (session, error) of every request that the model failed on; for logs. The client sees no
    /// details.</summary>
    public Action<string, Exception>? OnRequestFailed { get; init; }

    /// <summary>Throws when a limit is out of range or one context does not fit the store.</summary>
    public void Validate(int contextLength)
    {
        Positive("page size", PageSize);
        Positive("token budget", TokenBudget);
        Positive("running sessions", RunningMax);
        Positive("sessions", SessionsMax);
        Positive("event buffer", EventBufferMax);
        Positive("image cache", ImageCacheMax);
        if ((long)PageCount * PageSize < contextLength)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"The store has {PageCount} pages of {PageSize}, but one context needs {contextLength} slots: "
                + "raise the page count.");
        }
    }

    private static void Positive(string what, int value)
    {
        if (value < 1)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"The limit of {what} is {value}; it must be at least 1.");
        }
    }
}
