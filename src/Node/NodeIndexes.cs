using PixSearch.Abstractions;
using PixSearch.Retrieval;

namespace PixSearch.Node;

/// <summary>Fills and asks the node's indexes from outside a session.</summary>
/// <param name="retriever">Answers searches.</param>
/// <param name="writers">By name of the index; one that is not there takes no documents.</param>
public sealed class NodeIndexes(IRetriever retriever, IReadOnlyDictionary<string, IndexWriter> writers) : IIndexService
{
    /// <inheritdoc/>
    public async ValueTask<IngestReport> IngestAsync(string index, IAsyncEnumerable<IndexDocument> documents,
        CancellationToken cancellation) => writers.TryGetValue(index, out IndexWriter? writer)
        ? await writer.IngestAsync(documents, cancellation).ConfigureAwait(false)
        : throw new PixException(PixErrorKind.NotFound, $"There is no index '{index}' that takes documents.");

    /// <inheritdoc/>
    public ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation) =>
        retriever.SearchAsync(query, cancellation);
}
