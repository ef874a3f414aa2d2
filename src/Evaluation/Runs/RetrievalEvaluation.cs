using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Retrieval;

namespace PixSearch.Evaluation;

/// <summary>How often an entity's document is found by one way of making the query.</summary>
/// <param name="Query">true mask, box or whole scene.</param>
/// <param name="View">all, ego or non-ego.</param>
/// <param name="Count">Number of entities shown.</param>
/// <param name="Top1">Share that came first.</param>
/// <param name="Top5">Share among the first five.</param>
public sealed record RetrievalScore(string Query, string View, int Count, Estimate Top1, Estimate Top5);

/// <summary>
/// How good encoder and index are when the mask is perfect: every entity of every scene that has a picture in the index
/// is searched by its true mask, by its box, and by the whole scene. No language model takes part.
/// </summary>
public static class RetrievalEvaluation
{
    private const int TopK = 5;

    private static readonly string[] s_queries = ["true mask", "box", "whole scene"];

    /// <summary>Runs the searches.</summary>
    /// <param name="data">Scenes and entities; each entity of a scene counts once, whatever the number of
    /// questions.</param>
    /// <param name="index">Built from the data set's knowledge base by <paramref name="encoder"/>.</param>
    /// <param name="encoder">Encodes queries.</param>
    /// <param name="targetsOnly">Only entities that some question asks for.</param>
    /// <param name="scenesMax">Most scenes.</param>
    /// <param name="progress">Told how many scenes are done.</param>
    /// <param name="cancellation">Ends the run.</param>
    public static IReadOnlyList<RetrievalScore> Run(EvalDataset data, SearchIndex index, IRegionEncoder encoder,
        bool targetsOnly,
        int scenesMax, Action<int> progress, CancellationToken cancellation)
    {
        var hits = new List<(string Query, string View, int Rank)>();
        int done = 0;
        foreach (IGrouping<string, EvalSample> scene in data.Samples.GroupBy(sample => sample.Image).Take(scenesMax))
        {
            cancellation.ThrowIfCancellationRequested();
            RunScene(data, index, encoder, scene, targetsOnly, hits);
            progress(++done);
        }

        return [.. s_queries.SelectMany(query => ((string[])["all", "ego", "non-ego"])
            .Select(view => Sum(query, view, hits)))];
    }

    private static void RunScene(EvalDataset data, SearchIndex index, IRegionEncoder encoder, IGrouping<string,
        EvalSample> scene,
        bool targetsOnly, List<(string Query, string View, int Rank)> hits)
    {
        EvalSample first = scene.First();
        HashSet<int> wanted = targetsOnly
            ? [.. scene.SelectMany(sample => sample.Target)]
            : [.. Enumerable.Range(0, first.Entities.Count)];
        wanted.RemoveWhere(i => i >= first.Entities.Count || !data.PicturedEntities.Contains(first.Entities[i].Id));
        if (wanted.Count == 0)
        {
            return;
        }

        RgbImage picture = PictureCodec.Decode(data.ReadPicture(first));
        foreach (int i in wanted.Order())
        {
            BinaryMask mask = RleCodec.Decode(first.Entities[i].Mask.ToRle());
            RgbImage[] queries =
            [
                RegionCrop.Cut(picture, mask),
                RegionCrop.Cut(picture, mask, CropBackground.Keep),
                picture,
            ];
            float[] vectors = encoder.Encode(queries);
            for (int q = 0; q < queries.Length; q++)
            {
                float[] vector = vectors[(q * encoder.Dimension)..((q + 1) * encoder.Dimension)];
                IReadOnlyList<EvidenceHit> found = index.SearchVector(vector, TopK, SearchModality.Region);
                int rank = found.Select((hit, position) => (hit, position))
                    .Where(one => data.EntityOf(one.hit.DocumentId) == first.Entities[i].Id)
                    .Select(one => one.position).DefaultIfEmpty(int.MaxValue).First();
                hits.Add((s_queries[q], first.View, rank));
            }
        }
    }

    private static RetrievalScore Sum(string query, string view, List<(string Query, string View, int Rank)> hits)
    {
        int[] ranks = [.. hits.Where(hit => hit.Query == query && (view == "all" || hit.View == view))
            .Select(hit => hit.Rank)];
        return new RetrievalScore(query, view, ranks.Length,
            Intervals.Wilson(ranks.Count(rank => rank == 0), ranks.Length),
            Intervals.Wilson(ranks.Count(rank => rank < TopK), ranks.Length));
    }
}
