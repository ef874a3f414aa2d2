using PixSearch.Imaging;

namespace PixSearch.Retrieval;

/// <summary>
/// Turns pictures (whole scenes, crops, pictures of documents) into unit vectors whose dot product is their likeness.
/// Safe for calls from several threads; a call may wait for another.
/// </summary>
public interface IRegionEncoder : IDisposable
{
    /// <summary>Name for users, for example <c>retriever-nano</c>.</summary>
    string Name { get; }

    /// <summary>
    /// Changes whenever the vectors of the same picture would: an index answers only queries of the encoder that built
    /// it.
    /// </summary>
    string Fingerprint { get; }

    /// <summary>Length of a vector.</summary>
    int Dimension { get; }

    /// <summary>Encodes a batch.</summary>
    /// <param name="pictures">Any sizes; at least one.</param>
    /// <returns>Shape: [pictures, <see cref="Dimension"/>], row-major, each row of length 1 (Euclid).</returns>
    float[] Encode(IReadOnlyList<RgbImage> pictures);
}
