namespace PixSearch.Abstractions;

/// <summary>The closed list of expected errors. Each maps once to an HTTP status and a gRPC status (Gateway).</summary>
public enum PixErrorKind
{
    /// <summary>The caller sent something that can never work: wrong format, out of range, too large.</summary>
    InvalidArgument,

    /// <summary>A picture, mask or image prompt cannot be decoded or breaks a size limit.</summary>
    InvalidPicture,

    /// <summary>A model, index, session or file with that name does not exist.</summary>
    NotFound,

    /// <summary>A checkpoint or index on disk is damaged, or belongs to another model.</summary>
    BrokenArtifact,

    /// <summary>No or an unknown API key.</summary>
    Unauthenticated,

    /// <summary>The tenant may not use this model, index or feature.</summary>
    PermissionDenied,

    /// <summary>The tenant's token budget or rate limit is used up.</summary>
    QuotaExceeded,

    /// <summary>The server's bounded queues are full; try again after the given time.</summary>
    Overloaded,

    /// <summary>The server is starting, draining or has lost a dependency.</summary>
    Unavailable,

    /// <summary>The deadline passed before the answer was complete.</summary>
    DeadlineExceeded,

    /// <summary>The caller cancelled.</summary>
    Cancelled,

    /// <summary>A defect of ours. The message holds no secret and no stack trace.</summary>
    Internal,
}
