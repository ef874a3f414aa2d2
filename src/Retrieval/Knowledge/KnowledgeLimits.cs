namespace PixSearch.Retrieval;

/// <summary>What a knowledge base may hold; anything beyond is refused with the file, the line and the limit.</summary>
public sealed record KnowledgeLimits
{
    /// <summary>Most documents.</summary>
    public int DocumentsMax { get; init; } = 5_000_000;

    /// <summary>Longest line of <c>documents.jsonl</c> in bytes.</summary>
    public int LineBytesMax { get; init; } = 1 << 20;

    /// <summary>Longest id in characters.</summary>
    public int IdCharactersMax { get; init; } = 256;

    /// <summary>Longest title in characters.</summary>
    public int TitleCharactersMax { get; init; } = 512;

    /// <summary>Longest text in characters.</summary>
    public int TextCharactersMax { get; init; } = 256 * 1024;

    /// <summary>Largest picture file in bytes.</summary>
    public int PictureBytesMax { get; init; } = 32 << 20;
}
