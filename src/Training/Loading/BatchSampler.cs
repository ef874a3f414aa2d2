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
    /// some are drawn, of each kind with its share where the picture has it.
    /// </summary>
    public (IReadOnlyList<IReadOnlyList<PreparedSample>> Groups, SeededRandom Random) Next(long batchIndex,
        QuestionMix mix)
    {
        SeededRandom random = SeededRandom.ForStream(_seed, (ulong)batchIndex);
        var groups = new List<IReadOnlyList<PreparedSample>>();
        long at = batchIndex * _pictures;

        // Pictures without a question of a kind asked for are passed over; the bound keeps a set of only such ones from
        // looping.
        for (int tried = 0; groups.Count < _pictures && tried < 4 * _pictures; tried++)
        {
            IReadOnlyList<PreparedSample> all = _samples.Groups[PictureAt(at + tried)];
            List<PreparedSample> chosen = Choose(all, mix, random);
            if (chosen.Count > 0)
            {
                groups.Add(chosen);
            }
        }

        return groups.Count > 0
            ? (groups, random)
            : throw new PixException(PixErrorKind.InvalidArgument,
                $"The training split has no question for {mix}; check the data set's stages.");
    }

    private static List<PreparedSample> Choose(IReadOnlyList<PreparedSample> all, QuestionMix mix, SeededRandom random)
    {
        // By stage: 0 locating, 1 segmentation, 2 search-interleaved.
        Queue<PreparedSample>[] left = [.. Enumerable.Range(0, 3).Select(stage => Shuffled(all, stage, random))];
        var chosen = new List<PreparedSample>();
        while (chosen.Count < mix.PerPicture)
        {
            double draw = random.NextDouble();
            int wanted = draw < mix.LocateShare ? LocateTasks.Stage : random.NextBool(mix.SegmentShare) ? 1 : 2;
            int stage = left[wanted].Count > 0 ? wanted : Array.FindIndex(left, 1, queue => queue.Count > 0);
            if (stage < 0 || (stage == 1 && mix.SegmentShare <= 0) || (stage == 2 && mix.SegmentShare >= 1))
            {
                break;
            }

            chosen.Add(left[stage].Dequeue());
        }

        return chosen;
    }

    private static Queue<PreparedSample> Shuffled(IReadOnlyList<PreparedSample> all, int stage, SeededRandom random)
    {
        PreparedSample[] some = [.. all.Where(sample => sample.Stage == stage)];
        random.Shuffle<PreparedSample>(some);
        return new Queue<PreparedSample>(some);
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

/// <summary>Which questions of a picture a micro-batch has.</summary>
/// <param name="PerPicture">How many.</param>
/// <param name="SegmentShare">Of those that do not locate, share of segmentation questions; the others are
/// search-interleaved.</param>
/// <param name="LocateShare">Share of locating questions.</param>
public readonly record struct QuestionMix(int PerPicture, double SegmentShare, double LocateShare = 0);
