using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Grains.Contracts;

namespace PixSearch.Grains;

/// <summary>Events and requests in the documented JSON form, which is also what crosses silos.</summary>
internal static class WireEvents
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    /// <summary>A session that has nothing to say says so this often.</summary>
    public static readonly TimeSpan HeartbeatPeriod = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// A sign of life between two events: comes before every number, so that readers drop it as one that they have.
    /// </summary>
    public static readonly EventMessage Heartbeat = ToMessage(new TextDelta("") { Sequence = -1 });

    // What the last event of a session starts with: readers in between need not parse every event.
    private static readonly string[] s_lastStarts =
    [
        StartOf(new Finished(FinishReason.Stop) { Sequence = 0 }),
        StartOf(new Failed(PixErrorKind.Internal, "") { Sequence = 0 }),
    ];

    public static EventMessage ToMessage(SessionEvent next) => new(next.Sequence, JsonSerializer.Serialize(next,
        s_json));

    public static async IAsyncEnumerable<EventMessage> ToMessages(IAsyncEnumerable<SessionEvent> events)
    {
        await foreach (SessionEvent next in events)
        {
            yield return ToMessage(next);
        }
    }

    public static SessionEvent ToEvent(EventMessage message) =>
        JsonSerializer.Deserialize<SessionEvent>(message.Json, s_json)
        ?? throw new PixException(PixErrorKind.Internal, $"Event {message.Sequence} came empty from a silo.");

    public static bool IsLast(SessionEvent next) => next is Finished or Failed;

    public static bool IsLast(EventMessage next) =>
        Array.Exists(s_lastStarts, start => next.Json.StartsWith(start, StringComparison.Ordinal));

    public static RequestMessage ToMessage(AnswerRequest request, string pictureHash) =>
        new(JsonSerializer.Serialize(request with { Picture = default }, s_json), pictureHash);

    public static AnswerRequest ToRequest(RequestMessage message) =>
        JsonSerializer.Deserialize<AnswerRequest>(message.Json, s_json)
        ?? throw new PixException(PixErrorKind.Internal, "A request came empty from a gateway.");

    // {"type":"finished", the name of the type being written first.
    private static string StartOf(SessionEvent next)
    {
        string json = ToMessage(next).Json;
        return json[..(json.IndexOf(',', StringComparison.Ordinal) + 1)];
    }
}
