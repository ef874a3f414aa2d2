using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace PixSearch.Grpc;

/// <summary>
/// A call that ended with a status other than OK: thrown by handlers to end a call, and by the client when a call ended
/// so.
/// </summary>
public sealed class GrpcException(GrpcStatusCode code, string message, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>The status.</summary>
    public GrpcStatusCode Code { get; } = code;

    /// <summary>Messages of the rich error model, sent in <c>grpc-status-details-bin</c>; empty = the trailer is left
    /// out.</summary>
    public IReadOnlyList<Any> Details { get; init; } = [];

    /// <summary>Further trailers.</summary>
    public GrpcMetadata Trailers { get; init; } = [];

    /// <summary>The first detail of that type; null when there is none.</summary>
    public T? Detail<T>()
        where T : class, IMessage, new()
    {
        foreach (Any detail in Details)
        {
            if (detail.TryUnpack(out T value))
            {
                return value;
            }
        }

        return null;
    }
}
