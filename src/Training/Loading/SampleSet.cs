using PixSearch.Abstractions;
using PixSearch.Training.Data;

namespace PixSearch.Training.Loading;

/// <summary>Prepared samples by picture.</summary>
public sealed class SampleSet
{
    private const ulong ExtraSeed = 99;

    private SampleSet(IReadOnlyList<IReadOnlyList<PreparedSample>> groups, int skipped) =>
        (Groups, SkippedCount) = (groups, skipped);

    /// <summary>Samples of one picture each, in the order of the files.</summary>
    public IReadOnlyList<IReadOnlyList<PreparedSample>> Groups { get; }

    /// <summary>Samples left out because they were too long.</summary>
    public int SkippedCount { get; }

    /// <summary>Number of samples.</summary>
    public int Count => Groups.Sum(group => group.Count);

    /// <summary>Reads one split of several data sets.</summary>
    /// <param name="folders">Folders of data sets.</param>
    /// <param name="split">train, val or test.</param>
    /// <param name="tokenizer">Turns samples into tokens.</param>
    /// <param name="tokensMax">Longer samples are left out.</param>
    /// <param name="extraSegments">Segmentation questions to add for each picture (see
    /// <see cref="ExtraSegments"/>).</param>
    /// <param name="locates">Locating questions to add for each picture (see <see cref="LocateTasks"/>).</param>
    /// <exception cref="PixException">A file is missing or wrong, or nothing is left.</exception>
    public static SampleSet Load(IEnumerable<string> folders, string split, SampleTokenizer tokenizer, int tokensMax,
        int extraSegments = 0, int locates = 0)
    {
        var groups = new List<IReadOnlyList<PreparedSample>>();
        int skipped = 0;
        int number = 0;
        foreach (string folder in folders)
        {
            IEnumerable<IGrouping<string, Sample>> pictures = Sample.ReadAll(Path.Combine(folder, $"{split}.jsonl"))
                .Select(line => line with { Image = Path.Combine(folder, line.Image) })
                .GroupBy(sample => sample.Image, StringComparer.Ordinal);
            foreach (IGrouping<string, Sample> picture in pictures)
            {
                // The picture's number is its stream: equal settings give equal questions.
                Sample[] own = [.. picture];
                SeededRandom random = SeededRandom.ForStream(ExtraSeed, (ulong)++number);
                var group = new List<PreparedSample>();
                Sample[] segmented = [.. own, .. ExtraSegments.Make(own[0], extraSegments, random)];
                foreach (Sample sample in segmented.Concat(LocateTasks.Make(segmented, locates, random)))
                {
                    PreparedSample prepared = tokenizer.Prepare(sample);
                    if (prepared.Tokens.Length <= tokensMax)
                    {
                        group.Add(prepared);
                    }
                    else
                    {
                        skipped++;
                    }
                }

                if (group.Count > 0)
                {
                    groups.Add(group);
                }
            }
        }

        return groups.Count > 0
            ? new SampleSet(groups, skipped)
            : throw new PixException(PixErrorKind.InvalidArgument,
                $"The {split} split has no sample of at most {tokensMax} tokens ({skipped} are longer); "
                + "raise tokensMax.");
    }
}
