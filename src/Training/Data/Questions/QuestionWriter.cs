using PixSearch.Abstractions;
using PixSearch.Training.Data.Scenes;

namespace PixSearch.Training.Data.Questions;

/// <summary>Writes the samples of a scene: one segmentation question and two to four that may need searches.</summary>
internal sealed class QuestionWriter
{
    private const int TriesMax = 40;
    private const int KindTriesMax = 12;
    private readonly SourceSet _sources;
    private readonly EntitySplit _split;
    private readonly IReadOnlyList<EntitySource> _pool;
    private readonly string _splitName;
    private readonly SearchQuestions _search;
    private readonly PlainQuestions _plain = new();

    /// <summary>A writer for one split.</summary>
    /// <param name="sources">All sources.</param>
    /// <param name="split">Who is held out.</param>
    /// <param name="pool">Entities of this split; evidence shows no others.</param>
    /// <param name="splitName"><c>train</c>, <c>val</c> or <c>test</c>.</param>
    public QuestionWriter(SourceSet sources, EntitySplit split, IReadOnlyList<EntitySource> pool, string splitName)
    {
        (_sources, _split, _pool, _splitName) = (sources, split, pool, splitName);
        _search = new SearchQuestions(sources, pool, invent: splitName == "train");
    }

    /// <summary>The samples of a scene, without pictures.</summary>
    public IReadOnlyList<Sample> Write(Scene scene, string sceneId, string imagePath, SeededRandom random)
    {
        List<SampleEntity> entities = scene.Things.Select(Describe).ToList();
        var samples = new List<Sample>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        void Keep(Draft? draft, int stage)
        {
            // An invented card may be so long that the fact is cut off.
            bool lost = draft is { Kind: "region" or "image" or "text" or "multihop" }
                && !draft.Trajectory.LastEvidence.Contains(draft.Answer, StringComparison.Ordinal);
            bool leaks = draft is not null && _splitName != "test" && _split.NamesTestEntity(draft.AllText);
            if (draft is not null && !lost && !leaks && seen.Add(draft.Question))
            {
                samples.Add(Finish(draft, scene, sceneId, imagePath, entities, stage, samples.Count));
            }
        }

        for (int tries = 0; samples.Count == 0 && tries < TriesMax; tries++)
        {
            Keep(_plain.Segment(scene, random), stage: 1);
        }

        int wanted = samples.Count + random.NextInt(2, 5);
        for (int tries = 0; samples.Count < wanted && tries < TriesMax; tries++)
        {
            // The kind is drawn first and then insisted on, or the kinds that always succeed would crowd out the
            // others.
            double kind = random.NextDouble();
            int before = samples.Count;
            for (int again = 0; again < KindTriesMax && samples.Count == before; again++)
            {
                Keep(scene.View == SceneView.Full ? WriteFull(kind, scene, random) : WriteOne(kind, scene, random),
                    stage: 2);
            }
        }

        return samples;
    }

    private Draft? WriteOne(double kind, Scene scene, SeededRandom random) => kind switch
    {
        < 0.49 => _search.Region(scene, random),
        < 0.655 => _search.MultiHop(scene, random),
        < 0.76 => _search.Text(random),
        < 0.92 => _plain.None(scene, random),
        _ => _search.Unanswerable(scene, random),
    };

    private Draft? WriteFull(double kind, Scene scene, SeededRandom random) => kind switch
    {
        < 0.74 => _search.Image(scene, random),
        < 0.88 => _search.MultiHop(scene, random),
        < 0.94 => _search.Text(random),
        _ => _search.Unanswerable(scene, random),
    };

    private Sample Finish(Draft draft, Scene scene, string sceneId, string imagePath, List<SampleEntity> entities,
        int stage, int number) => new()
    {
        Id = $"{sceneId}-{number}",
        Scene = sceneId,
        Split = _splitName,
        Image = imagePath,
        Width = scene.Image.Width,
        Height = scene.Image.Height,
        View = scene.View == SceneView.Ego ? "ego" : "non-ego",
        Stage = stage,
        Kind = draft.Kind,
        Question = draft.Question,
        Answer = draft.Answer,
        Variants = draft.Variants,
        Entities = entities,
        Target = draft.Target,
        Trajectory = draft.Trajectory.ToString(),
        Spans = draft.Trajectory.Spans,
        Searches = draft.Trajectory.Searches,
        Substituted = draft.Substituted,
    };

    private static SampleEntity Describe(SceneThing thing)
    {
        RleMask rle = Imaging.Masks.RleCodec.Encode(thing.Mask);
        PixelBox box = thing.Box;
        return new SampleEntity(thing.Id, thing.Name, thing.Label, [box.X, box.Y, box.Width, box.Height],
            new SampleMask([rle.Height, rle.Width], rle.Counts));
    }
}
