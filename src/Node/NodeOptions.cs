using PixSearch.Imaging;
using PixSearch.Inference.Engine;
using PixSearch.Inference.Sessions;

namespace PixSearch.Node;

/// <summary>Settings of an embedded node.</summary>
public sealed record NodeOptions
{
    /// <summary>Limits of the engine of each model.</summary>
    public EngineOptions Engine { get; init; } = new();

    /// <summary>What a session starts from where its request says nothing.</summary>
    public SessionOptions Session { get; init; } = new();

    /// <summary>
    /// What a picture may cost. Smaller than the codec's default: masks are as large as the picture, 4 bytes a pixel
    /// each.
    /// </summary>
    public PictureLimits Picture { get; init; } = new() { PixelsMax = 24_000_000 };

    /// <summary>Longest question in characters.</summary>
    public int QuestionCharactersMax { get; init; } = 8_000;

    /// <summary>How long the store keeps sessions that are over: so long their events can be read again.</summary>
    public TimeSpan StoreRetention { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Pictures decoded at the same time; more wait.</summary>
    public int DecodesMax { get; init; } = 2;
}
