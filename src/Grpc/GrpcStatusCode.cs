namespace PixSearch.Grpc;

/// <summary>The closed list of gRPC status codes; numbers are those of the wire (grpc/doc/statuscodes.md).</summary>
public enum GrpcStatusCode
{
    /// <summary>No error.</summary>
    Ok = 0,

    /// <summary>Cancelled, usually by the caller.</summary>
    Cancelled = 1,

    /// <summary>Nothing better is known.</summary>
    Unknown = 2,

    /// <summary>The caller sent something that can never work.</summary>
    InvalidArgument = 3,

    /// <summary>The deadline passed first.</summary>
    DeadlineExceeded = 4,

    /// <summary>No such thing.</summary>
    NotFound = 5,

    /// <summary>It is there already.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known and may not do that.</summary>
    PermissionDenied = 7,

    /// <summary>A quota or a limit is used up.</summary>
    ResourceExhausted = 8,

    /// <summary>The system is not in the state that the call needs.</summary>
    FailedPrecondition = 9,

    /// <summary>Aborted by a conflict.</summary>
    Aborted = 10,

    /// <summary>Past the valid range.</summary>
    OutOfRange = 11,

    /// <summary>No such method, or an encoding that the server does not speak.</summary>
    Unimplemented = 12,

    /// <summary>A defect, or a broken message.</summary>
    Internal = 13,

    /// <summary>Try again later.</summary>
    Unavailable = 14,

    /// <summary>Data is damaged for good.</summary>
    DataLoss = 15,

    /// <summary>No valid credentials.</summary>
    Unauthenticated = 16,
}
