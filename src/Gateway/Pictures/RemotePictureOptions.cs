namespace PixSearch.Gateway.Pictures;

/// <summary>What may be fetched when pictures by URL are on. Redirects and private addresses never are.</summary>
public sealed record RemotePictureOptions
{
    /// <summary>Hosts: <c>pictures.example.org</c>, or <c>*.example.org</c> for all below. An empty list allows
    /// nothing.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>Whether plain <c>http</c> is allowed too.</summary>
    public bool AllowHttp { get; init; }

    /// <summary>Most time for the whole fetch.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Largest picture in bytes.</summary>
    public int BytesMax { get; init; } = 8 * 1024 * 1024;
}
