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
    /// <exception cref="PixException">A file is missing or wrong, or nothing is left.</exception>
    public static SampleSet Load(IEnumerable<string> folders, string split, SampleTokenizer tokenizer, int tokensMax,
        int extraSegments = 0)
    {
        var groups = new Dictionary<string, List<PreparedSample>>(StringComparer.Ordinal);
        int skipped = 0;
        foreach (string folder in folders)
        {
            foreach (Sample line in Sample.ReadAll(Path.Combine(folder, $"{split}.jsonl")))
            {
                Sample sample = line with { Image = Path.Combine(folder, line.Image) };
                bool isNew = !groups.TryGetValue(sample.Image, out List<PreparedSample>? group);
                if (isNew)
                {
                    groups.Add(sample.Image, group = []);
                }

                // The picture's number is its stream: equal settings give equal questions.
                IEnumerable<Sample> extra = isNew
                    ? ExtraSegments.Make(sample, extraSegments, SeededRandom.ForStream(ExtraSeed, (ulong)groups.Count))
                    : [];
                foreach (PreparedSample prepared in extra.Prepend(sample).Select(tokenizer.Prepare))
                {
                    if (prepared.Tokens.Length <= tokensMax)
                    {
                        group!.Add(prepared);
                    }
                    else
                    {
                        skipped++;
                    }
                }
            }
        }

        foreach (string empty in groups.Where(pair => pair.Value.Count == 0).Select(pair => pair.Key).ToList())
        {
            groups.Remove(empty);
        }

        return groups.Count > 0
            ? new SampleSet([.. groups.Values], skipped)
            : throw new PixException(PixErrorKind.InvalidArgument,
                $"The {split} split has no sample of at most {tokensMax} tokens ({skipped} are longer); "
                + "raise tokensMax.");
    }
}
