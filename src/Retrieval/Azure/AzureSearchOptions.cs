namespace PixSearch.Retrieval;

/// <summary>How documents lie in an Azure AI Search index.</summary>
public sealed record AzureSearchOptions
{
    /// <summary>Key field.</summary>
    public string IdField { get; init; } = "id";

    /// <summary>Title field, searchable and retrievable.</summary>
    public string TitleField { get; init; } = "title";

    /// <summary>Text field, searchable and retrievable.</summary>
    public string TextField { get; init; } = "text";

    /// <summary>Vector field, filled by the same encoder that queries use.</summary>
    public string VectorField { get; init; } = "vector";

    /// <summary>Longest wait for an answer; later is a partial result without hits.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Share of the index in percent that must answer; below 100 the result is partial.</summary>
    public double CoverageMin { get; init; } = 50;

    /// <summary>Search picture queries by vector and text together (fused by the service with RRF).</summary>
    public bool FuseTextOfPictureQueries { get; init; }

    /// <summary>Told of every search that failed or was late: leg and reason. For logs.</summary>
    public Action<string, string>? OnLegLost { get; init; }
}
