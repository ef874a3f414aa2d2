namespace PixSearch.Abstractions;

/// <summary>The port for filling and asking indexes from outside a session.</summary>
public interface IIndexService
{
    /// <summary>
    /// Adds or replaces documents; what was taken is searchable and durable when the task completes. A document that
    /// cannot be taken is counted with its reason and does not stop the others; an index that does not exist throws
    /// <see cref="PixException"/>.
    /// </summary>
    ValueTask<IngestReport> IngestAsync(string index, IAsyncEnumerable<IndexDocument> documents,
        CancellationToken cancellation);

    /// <summary>Hits, best first, as a session's search would get them.</summary>
    ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation);
}

/// <summary>A document of an index.</summary>
/// <param name="Id">Identity within the index, 1..128 characters; a second document with it replaces the first.</param>
/// <param name="Title">Title, 1..512 characters.</param>
/// <param name="Text">What is searched and shown, up to 65,536 characters.</param>
/// <param name="Picture">The encoded picture (JPEG, PNG or WebP); empty for none.</param>
public sealed record IndexDocument(string Id, string Title, string Text, ReadOnlyMemory<byte> Picture);

/// <summary>What an ingestion did.</summary>
/// <param name="Added">Documents that are searchable now, replaced ones included.</param>
/// <param name="Refused">Documents that could not be taken.</param>
/// <param name="Errors">The first reasons, at most 20, each naming its document.</param>
public sealed record IngestReport(int Added, int Refused, IReadOnlyList<string> Errors);
