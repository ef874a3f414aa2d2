namespace PixSearch.Abstractions;

/// <summary>The port through which a session searches.</summary>
public interface IRetriever
{
    /// <summary>
    /// Answers a query with hits, best first. A leg that fails or is late yields
    /// <see cref="RetrievalResult.Partial"/>, not an
    /// exception; an index that does not exist throws <see cref="PixException"/>.
    /// </summary>
    ValueTask<RetrievalResult> SearchAsync(RetrievalQuery query, CancellationToken cancellation);
}

/// <summary>One search of a session.</summary>
/// <param name="Index">Name of the index; empty for the default.</param>
/// <param name="Modality">Which leg answers.</param>
/// <param name="Text">The query text (Text).</param>
/// <param name="Picture">The whole picture or the crop (Image, Region): RGB, HWC, bytes.</param>
/// <param name="TopK">Most hits, at least 1.</param>
public sealed record RetrievalQuery(string Index, SearchModality Modality, string Text, RgbPixels? Picture, int TopK);

/// <summary>Hits, best first.</summary>
public sealed record RetrievalResult(IReadOnlyList<EvidenceHit> Hits, bool Partial);

/// <summary>Decoded pixels that cross a port: RGB, HWC, bytes 0-255, <c>Data.Length == Width*Height*3</c>.</summary>
public sealed record RgbPixels(int Width, int Height, ReadOnlyMemory<byte> Data);
