using PixSearch.Abstractions;

namespace PixSearch.Retrieval;

/// <summary>
/// Reciprocal rank fusion (Cormack et al., SIGIR 2009): <c>score(d) = sum over lists of 1 / (60 + rank)</c>, ranks from
/// 1. It needs no comparable scores, so BM25 of different indexes and cosines can be mixed.
/// </summary>
public static class RankFusion
{
    /// <summary>The constant of the paper, which Azure AI Search uses too.</summary>
    public const int Constant = 60;

    /// <summary>Fuses lists; equal scores keep the order of first appearance.</summary>
    /// <param name="lists">Each best first; a document counts once a list, at its best rank.</param>
    /// <param name="count">Most hits.</param>
    /// <returns>Best first; the score of a hit is its fused score, the rest is from its first appearance.</returns>
    public static IReadOnlyList<EvidenceHit> Fuse(IReadOnlyList<IReadOnlyList<EvidenceHit>> lists, int count)
    {
        var order = new List<EvidenceHit>();
        var scores = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (IReadOnlyList<EvidenceHit> list in lists)
        {
            var seen = new HashSet<string>(StringComparer.Ordinal);
            for (int i = 0; i < list.Count; i++)
            {
                string id = list[i].DocumentId;
                if (!seen.Add(id))
                {
                    continue;
                }

                double gain = 1.0 / (Constant + i + 1);
                if (!scores.TryGetValue(id, out double score))
                {
                    order.Add(list[i]);
                }

                scores[id] = score + gain;
            }
        }

        return [.. order.OrderByDescending(hit => scores[hit.DocumentId]).Take(count)
            .Select(hit => hit with { Score = (float)scores[hit.DocumentId] })];
    }
}
