using System.Text.Json.Serialization;
using PixSearch.Abstractions;
using PixSearch.Inference.Sessions;

namespace PixSearch.Inference.Engine;

/// <summary>One input of a session machine. A session is the list of them: replayed, they give the same slots and
/// events.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(TokenChosen), "token")]
[JsonDerivedType(typeof(MasksDecoded), "masks")]
[JsonDerivedType(typeof(EvidenceReceived), "evidence")]
[JsonDerivedType(typeof(SessionFailed), "failed")]
public abstract record LogEntry
{
    /// <summary>Feeds the entry to a machine.</summary>
    public abstract void ApplyTo(SessionMachine machine);
}

/// <summary>A token was chosen.</summary>
public sealed record TokenChosen(int Id) : LogEntry
{
    /// <inheritdoc/>
    public override void ApplyTo(SessionMachine machine) => machine.AcceptToken(Id);
}

/// <summary>Masks were decoded.</summary>
public sealed record MasksDecoded(IReadOnlyList<DecodedMask> Masks) : LogEntry
{
    /// <inheritdoc/>
    public override void ApplyTo(SessionMachine machine) => machine.AcceptMasks(Masks);
}

/// <summary>A search came back.</summary>
public sealed record EvidenceReceived(IReadOnlyList<EvidenceHit> Hits, bool Partial) : LogEntry
{
    /// <inheritdoc/>
    public override void ApplyTo(SessionMachine machine) => machine.AcceptEvidence(Hits, Partial);
}

/// <summary>The session was ended from outside: cancelled, late, or failed.</summary>
public sealed record SessionFailed(PixErrorKind Kind, string Message) : LogEntry
{
    /// <inheritdoc/>
    public override void ApplyTo(SessionMachine machine) => machine.Fail(Kind, Message);
}

/// <summary>
/// Where the inputs of sessions are kept. The engine appends during a step and commits before any reader sees
/// an event of the step: what a client has seen is never lost. Used by the engine thread.
/// </summary>
public interface ISessionLog
{
    /// <summary>A session begins.</summary>
    void Begin(EngineRequest request);

    /// <summary>An input of a session.</summary>
    void Append(string sessionId, LogEntry entry);

    /// <summary>A session is over: it will not be resumed.</summary>
    void End(string sessionId);

    /// <summary>
    /// Makes everything so far durable. Returns the sessions that somebody else owns by now: nothing of theirs was
    /// written, and the engine drops them without a word to their readers. A log that has one owner returns none.
    /// </summary>
    IReadOnlyList<string> Commit();

    /// <summary>
    /// Begins a commit that goes on while the engine computes the next steps; readers see the events once it is done.
    /// One is under way at a time, and what the engine appends meanwhile is the next one's: a log slower than a step
    /// gets several steps in one commit. A log that is fast enough does it at once.
    /// </summary>
    ValueTask<IReadOnlyList<string>> CommitAsync() => new(Commit());

    /// <summary>Shortest time between the beginnings of two commits while the engine computes; one that has nothing to
    /// compute commits at once.</summary>
    TimeSpan CommitInterval => TimeSpan.Zero;
}

/// <summary>Keeps nothing: sessions end with the process.</summary>
public sealed class NoSessionLog : ISessionLog
{
    /// <inheritdoc/>
    public void Begin(EngineRequest request)
    {
    }

    /// <inheritdoc/>
    public void Append(string sessionId, LogEntry entry)
    {
    }

    /// <inheritdoc/>
    public void End(string sessionId)
    {
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Commit() => [];
}
