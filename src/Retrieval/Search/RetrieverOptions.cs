using PixSearch.Abstractions;

namespace PixSearch.Retrieval;

/// <summary>Settings of <see cref="IndexRetriever"/>; checked when a retriever is made.</summary>
public sealed record RetrieverOptions
{
    /// <summary>Longest wait for a text leg.</summary>
    public TimeSpan TextDeadline { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Longest wait for a picture leg, encoding included.</summary>
    public TimeSpan PictureDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Most hits that a query may ask for.</summary>
    public int TopKMax { get; init; } = 100;

    /// <summary>Pictures nearer than this cosine count as hits; -1 keeps all.</summary>
    public float CosineMin { get; init; } = -1;

    /// <summary>Pictures encoded at once; more queries wait, within their deadline.</summary>
    public int EncodesMax { get; init; } = 2;

    /// <summary>Longest snippet of a hit in characters; longer texts are cut.</summary>
    public int SnippetCharactersMax { get; init; } = 2000;

    /// <summary>Most results kept; 0 turns the cache off.</summary>
    public int CacheEntriesMax { get; init; } = 4096;

    /// <summary>Most bytes of results kept (estimate: two a character).</summary>
    public long CacheBytesMax { get; init; } = 32 << 20;

    /// <summary>
    /// Also search the text of a picture query and fuse both lists. Off: the text of a region query is the phrase of
    /// its entity ("the flag on the left"), which says where, not what.
    /// </summary>
    public bool FuseTextOfPictureQueries { get; init; }

    /// <summary>Told of every leg that failed or was late: leg and reason. For logs.</summary>
    public Action<string, string>? OnLegLost { get; init; }

    /// <summary>Throws when a value is out of range.</summary>
    /// <exception cref="PixException">Names the value and its range.</exception>
    public void Check()
    {
        Require(TextDeadline > TimeSpan.Zero, nameof(TextDeadline), TextDeadline, "above 0");
        Require(PictureDeadline > TimeSpan.Zero, nameof(PictureDeadline), PictureDeadline, "above 0");
        Require(TopKMax is >= 1 and <= 10_000, nameof(TopKMax), TopKMax, "1 to 10000");
        Require(CosineMin is >= -1 and <= 1, nameof(CosineMin), CosineMin, "-1 to 1");
        Require(EncodesMax is >= 1 and <= 256, nameof(EncodesMax), EncodesMax, "1 to 256");
        Require(SnippetCharactersMax >= 1, nameof(SnippetCharactersMax), SnippetCharactersMax, "at least 1");
        Require(CacheEntriesMax >= 0, nameof(CacheEntriesMax), CacheEntriesMax, "at least 0");
        Require(CacheBytesMax >= 0, nameof(CacheBytesMax), CacheBytesMax, "at least 0");

        static void Require(bool holds, string name, object value, string range)
        {
            if (!holds)
            {
                throw new PixException(PixErrorKind.InvalidArgument,
                    $"{nameof(RetrieverOptions)}.{name} is {value}; it must be {range}.");
            }
        }
    }
}
