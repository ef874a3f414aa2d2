using PixSearch.Abstractions;

namespace PixSearch.Training.Loading;

/// <summary>
/// Chooses the samples of a micro-batch as a function of the seed and the micro-batch's number alone: a run resumed at
/// step n sees what it would have seen, and batches can be built ahead on another thread.
/// </summary>
public sealed class BatchSampler
{
    // Streams of chance that must not coincide: orders of epochs, and choices inside a batch.
    private const ulong OrderStream = 1UL << 62;

    private readonly SampleSet _samples;
    private readonly ulong _seed;
    private readonly int _pictures;
    private int[] _order = [];
    private long _orderEpoch = -1;

    /// <summary>A sampler of micro-batches of this many pictures.</summary>
    public BatchSampler(SampleSet samples, ulong seed, int pictures) =>
        (_samples, _seed, _pictures) = (samples, seed, Math.Min(pictures, samples.Groups.Count));

    /// <summary>
    /// The samples of a micro-batch, by picture: each epoch shows every picture once; of a picture with many questions
    /// some are drawn, of stage 1 with the given share where it has both kinds.
    /// </summary>
    public (IReadOnlyList<IReadOnlyList<PreparedSample>> Groups, SeededRandom Random) Next(long batchIndex,
        double segmentShare, int questionsPerPicture)
    {
        SeededRandom random = SeededRandom.ForStream(_seed, (ulong)batchIndex);
        var groups = new List<IReadOnlyList<PreparedSample>>();
        long at = batchIndex * _pictures;

        // Pictures without a question of a kind asked for are passed over; the bound keeps a set of only such ones from
        // looping.
        for (int tried = 0; groups.Count < _pictures && tried < 4 * _pictures; tried++)
        {
            IReadOnlyList<PreparedSample> all = _samples.Groups[PictureAt(at + tried)];
            List<PreparedSample> chosen = Choose(all, segmentShare, questionsPerPicture, random);
            if (chosen.Count > 0)
            {
                groups.Add(chosen);
            }
        }

        return groups.Count > 0
            ? (groups, random)
            : throw new PixException(PixErrorKind.InvalidArgument,
                $"The training split has no question for a segment share of {segmentShare}; "
                + "check the data set's stages.");
    }

    private static List<PreparedSample> Choose(IReadOnlyList<PreparedSample> all, double segmentShare, int count,
        SeededRandom random)
    {
        PreparedSample[] segment = [.. all.Where(sample => sample.Stage == 1)];
        PreparedSample[] search = [.. all.Where(sample => sample.Stage != 1)];
        random.Shuffle<PreparedSample>(segment);
        random.Shuffle<PreparedSample>(search);
        var chosen = new List<PreparedSample>();
        (int nextSegment, int nextSearch) = (0, 0);
        bool onlySegment = segmentShare >= 1;
        bool onlySearch = segmentShare <= 0;
        while (chosen.Count < count)
        {
            bool wantSegment = random.NextBool(segmentShare);
            bool hasSegment = nextSegment < segment.Length && !onlySearch;
            bool hasSearch = nextSearch < search.Length && !onlySegment;
            if (!hasSegment && !hasSearch)
            {
                break;
            }

            chosen.Add(hasSegment && (wantSegment || !hasSearch) ? segment[nextSegment++] : search[nextSearch++]);
        }

        return chosen;
    }

    private int PictureAt(long position)
    {
        long epoch = position / _samples.Groups.Count;
        if (epoch != _orderEpoch)
        {
            _order = [.. Enumerable.Range(0, _samples.Groups.Count)];
            SeededRandom.ForStream(_seed, OrderStream + (ulong)epoch).Shuffle<int>(_order);
            _orderEpoch = epoch;
        }

        return _order[position % _samples.Groups.Count];
    }
}
