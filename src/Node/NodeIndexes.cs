using PixSearch.Abstractions;

namespace PixSearch.Node;

/// <summary>Searches in the node's indexes from outside a session. The indexes are built by <c>px index build</c> and
/// do not change.</summary>
/// <param name="retriever">Answers searches.</param>
public sealed class NodeIndexes(IRetriever retriever) : IIndexService
{
    /// <summary>Refused: an index of this node is a finished folder, checked by its checksum.</summary>
    public ValueTask<IngestReport> IngestAsync(string index, IAsyncEnumerable<IndexDocument> documents,
        CancellationToken cancellation) => throw new PixException(PixErrorKind.PermissionDenied,
            $"The index '{index}' is read-only: build a new one with 'px index build' and start the server with it.");

    /// <inheritdoc/>
    public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
        retriever.SearchAsync(query, cancellation);
}
