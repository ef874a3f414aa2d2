namespace PixSearch.Evaluation;

/// <summary>Scores of one group of questions in one mode.</summary>
public sealed record QaGroup
{
    /// <summary>none, text, image, region or auto.</summary>
    public required string Mode { get; init; }

    /// <summary>overall, ego, non-ego, needs search, or a kind of question.</summary>
    public required string Group { get; init; }

    /// <summary>Truthfulness, accuracy, missing, hallucination.</summary>
    public required CragScores Scores { get; init; }

    /// <summary>Mean number of searches.</summary>
    public required double SearchesPerQuestion { get; init; }

    /// <summary>Share of the reference's region searches whose gold entity came first.</summary>
    public required Estimate RegionTop1 { get; init; }

    /// <summary>The same for the reference's text searches.</summary>
    public required Estimate TextTop1 { get; init; }

    /// <summary>Mean IoU over targets that own a phrase; interval by bootstrap over scenes.</summary>
    public required Estimate MaskIou { get; init; }

    /// <summary>Targets behind <see cref="MaskIou"/>.</summary>
    public required int MaskCount { get; init; }

    /// <summary>Sessions that failed (they count as wrong).</summary>
    public required int Failed { get; init; }
}

/// <summary>How many times a rate of one mode is that of another, over the same questions.</summary>
/// <param name="Name">What is compared.</param>
/// <param name="Ratio">Value and interval (bootstrap over scenes, both modes drawn together).</param>
public sealed record QaRatio(string Name, Estimate Ratio);

/// <summary>The result of a run: like Table 1 of the paper, and more.</summary>
public sealed class QaReport
{
    private readonly List<(string Mode, IReadOnlyList<QaRecord> Records)> _modes;

    private QaReport(List<(string, IReadOnlyList<QaRecord>)> modes, IReadOnlyList<QaGroup> groups,
        IReadOnlyList<QaRatio> ratios) =>
        (_modes, Groups, Ratios) = (modes, groups, ratios);

    /// <summary>Modes, each with all of its groups; overall, ego, non-ego and needs search come first.</summary>
    public IReadOnlyList<QaGroup> Groups { get; }

    /// <summary>auto against image, when both were run.</summary>
    public IReadOnlyList<QaRatio> Ratios { get; }

    /// <summary>Modes in the order in which they were run.</summary>
    public IReadOnlyList<string> Modes => [.. _modes.Select(one => one.Mode)];

    /// <summary>Sums up.</summary>
    public static QaReport Of(IEnumerable<(string Mode, IReadOnlyList<QaRecord> Records)> modes)
    {
        var list = modes.ToList();
        var groups = new List<QaGroup>();
        foreach ((string mode, IReadOnlyList<QaRecord> records) in list)
        {
            groups.Add(Sum(mode, "overall", records));
            groups.Add(Sum(mode, "ego", [.. records.Where(one => one.View == "ego")]));
            groups.Add(Sum(mode, "non-ego", [.. records.Where(one => one.View == "non-ego")]));
            groups.Add(Sum(mode, "needs search", [.. records.Where(one => one.NeedsSearch)]));
            groups.AddRange(records.GroupBy(one => one.Kind).OrderBy(kind => kind.Key, StringComparer.Ordinal)
                .Select(kind => Sum(mode, kind.Key, [.. kind])));
        }

        return new QaReport(list, groups, Compare(list));
    }

    private static QaGroup Sum(string mode, string group, IReadOnlyList<QaRecord> records)
    {
        QaGold[] region = [.. records.SelectMany(one => one.Gold).Where(gold => gold.Modality == "region")];
        QaGold[] text = [.. records.SelectMany(one => one.Gold).Where(gold => gold.Modality == "text")];
        (string Scene, double Iou)[] masks =
            [.. records.SelectMany(one => one.Masks.Select(mask => (one.Scene, mask.Overlap.Iou)))];
        return new QaGroup
        {
            Mode = mode,
            Group = group,
            Scores = CragScores.Of([.. records.Select(one => (one.Verdict, one.Scene))]),
            SearchesPerQuestion = records.Select(one => (double)one.Searches.Count).DefaultIfEmpty(double.NaN)
            .Average(),
            RegionTop1 = Intervals.Wilson(region.Count(gold => gold.Found), region.Length),
            TextTop1 = Intervals.Wilson(text.Count(gold => gold.Found), text.Length),
            MaskIou = Intervals.Bootstrap(masks, one => one.Scene,
                all => all.Count == 0 ? double.NaN : all.Average(one => one.Iou)),
            MaskCount = masks.Length,
            Failed = records.Count(one => one.Error is not null),
        };
    }

    private static List<QaRatio> Compare(List<(string Mode, IReadOnlyList<QaRecord> Records)> modes)
    {
        IReadOnlyList<QaRecord>? auto = modes.Find(one => one.Mode == "auto").Records;
        IReadOnlyList<QaRecord>? image = modes.Find(one => one.Mode == "image").Records;
        if (auto is null || image is null)
        {
            return [];
        }

        Dictionary<string, QaRecord> other = image.ToDictionary(one => one.Id, StringComparer.Ordinal);
        (QaRecord Auto, QaRecord Image)[] pairs =
            [.. auto.Where(one => other.ContainsKey(one.Id)).Select(one => (one, other[one.Id]))];
        return
        [
            new QaRatio("accuracy, auto / image", Ratio(Verdict.Correct)),
            new QaRatio("hallucination, auto / image", Ratio(Verdict.Wrong)),
        ];

        Estimate Ratio(Verdict verdict) => Intervals.Bootstrap(pairs, pair => pair.Auto.Scene, sample =>
        {
            int below = sample.Count(pair => pair.Image.Verdict == verdict);
            return below == 0 ? double.NaN : (double)sample.Count(pair => pair.Auto.Verdict == verdict) / below;
        });
    }
}
