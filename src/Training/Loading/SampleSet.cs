using PixSearch.Abstractions;

namespace PixSearch.Training.Loading;

/// <summary>Prepared samples by picture.</summary>
public sealed class SampleSet
{
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
    /// <exception cref="PixException">A file is missing or wrong, or nothing is left.</exception>
    public static SampleSet Load(IEnumerable<string> folders, string split, SampleTokenizer tokenizer, int tokensMax)
    {
        var groups = new Dictionary<string, List<PreparedSample>>(StringComparer.Ordinal);
        int skipped = 0;
        foreach (string folder in folders)
        {
            foreach (SampleLine line in SampleLine.ReadAll(Path.Combine(folder, $"{split}.jsonl")))
            {
                string picture = Path.Combine(folder, line.Image);
                PreparedSample sample = tokenizer.Prepare(line with { Image = picture });
                if (sample.Tokens.Length > tokensMax)
                {
                    skipped++;
                    continue;
                }

                if (!groups.TryGetValue(picture, out List<PreparedSample>? group))
                {
                    groups.Add(picture, group = []);
                }

                group.Add(sample);
            }
        }

        return groups.Count > 0
            ? new SampleSet([.. groups.Values], skipped)
            : throw new PixException(PixErrorKind.InvalidArgument,
                $"The {split} split has no sample of at most {tokensMax} tokens ({skipped} are longer); raise tokensMax.");
    }
}
