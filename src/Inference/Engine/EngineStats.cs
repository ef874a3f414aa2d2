namespace PixSearch.Inference.Engine;

/// <summary>A look at the engine between two steps; totals count from its start.</summary>
public sealed record EngineStats
{
    /// <summary>Sessions that are computed.</summary>
    public int SessionsRunning { get; init; }

    /// <summary>Sessions that wait to be computed.</summary>
    public int SessionsWaiting { get; init; }

    /// <summary>Sessions that wait for a search.</summary>
    public int SessionsSearching { get; init; }

    /// <summary>Pages with nothing in them.</summary>
    public int PagesFree { get; init; }

    /// <summary>Pages that nobody holds but that can be found again.</summary>
    public int PagesCached { get; init; }

    /// <summary>Pages that sessions hold.</summary>
    public int PagesHeld { get; init; }

    /// <summary>Picture encodings held by sessions.</summary>
    public int ImageReferences { get; init; }

    /// <summary>Steps that were run.</summary>
    public long Steps { get; init; }

    /// <summary>Rows that were computed.</summary>
    public long Rows { get; init; }

    /// <summary>Rows that the prefix cache saved.</summary>
    public long RowsCached { get; init; }

    /// <summary>Tokens that were chosen.</summary>
    public long Tokens { get; init; }

    /// <summary>Pictures that were encoded.</summary>
    public long ImageEncodings { get; init; }

    /// <summary>Masks that were decoded.</summary>
    public long Masks { get; init; }

    /// <summary>Searches that were sent.</summary>
    public long Searches { get; init; }

    /// <summary>Sessions whose pages were taken away while they could run.</summary>
    public long Preemptions { get; init; }

    /// <summary>Steps that were halved because a sequence broke them.</summary>
    public long Bisections { get; init; }

    /// <summary>Seconds spent on rows of the language model.</summary>
    public double RowSeconds { get; init; }

    /// <summary>Seconds spent on encoding pictures.</summary>
    public double ImageSeconds { get; init; }

    /// <summary>Seconds spent on finding and decoding masks.</summary>
    public double MaskSeconds { get; init; }

    /// <summary>Sessions that ended well.</summary>
    public long SessionsFinished { get; init; }

    /// <summary>Sessions that ended with an error, cancelled ones too.</summary>
    public long SessionsFailed { get; init; }

    /// <summary>Requests that were refused because the engine was full.</summary>
    public long SessionsRefused { get; init; }
}
