using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;

namespace PixSearch.Grains;

/// <summary>Events and requests in the documented JSON form, which is also what crosses silos.</summary>
internal static class WireEvents
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    public static EventMessage ToMessage(SessionEvent next) => new(next.Sequence, JsonSerializer.Serialize(next,
        s_json));

    public static SessionEvent ToEvent(EventMessage message) =>
        JsonSerializer.Deserialize<SessionEvent>(message.Json, s_json)
        ?? throw new PixException(PixErrorKind.Internal, $"Event {message.Sequence} came empty from a silo.");

    public static bool IsLast(SessionEvent next) => next is Finished or Failed;

    public static RequestMessage ToMessage(AnswerRequest request, string pictureHash) =>
        new(JsonSerializer.Serialize(request with { Picture = default }, s_json), pictureHash);

    public static AnswerRequest ToRequest(RequestMessage message) =>
        JsonSerializer.Deserialize<AnswerRequest>(message.Json, s_json)
        ?? throw new PixException(PixErrorKind.Internal, "A request came empty from a gateway.");
}
