using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;

namespace PixSearch.Training.Data.Scenes;

/// <summary>
/// Composes scenes of 384x384 pixels: cut-outs, warped, turned, lit and partly hidden, over photographs. Used from
/// several threads; every scene draws from a random source of its own.
/// </summary>
internal sealed class SceneComposer
{
    /// <summary>Side of a scene in pixels.</summary>
    public const int Side = 384;

    // A scene whose things hide each other too much is thrown away; 60 tries in a row have not been seen to fail.
    private const int TriesMax = 60;
    private const double VisibleShareMin = 0.7;
    private const int VisibleSideMin = 34;

    private readonly SourceSet _sources;
    private readonly Dictionary<string, Sprite> _sprites = new(StringComparer.Ordinal);
    private readonly List<(ObjectSource Source, Sprite Sprite)> _objects;
    private readonly BackgroundPool _backgrounds;

    public SceneComposer(SourceSet sources)
    {
        _sources = sources;
        foreach (EntitySource entity in sources.Entities)
        {
            if (entity.Cutout is not null)
            {
                _sprites[entity.Id] = new Sprite(entity.Cutout);
            }
        }

        _objects = sources.Objects.Select(source => (source, new Sprite(source.Cutout))).ToList();
        _backgrounds = new BackgroundPool(sources.Backgrounds);
    }

    /// <summary>A scene of some of these entities.</summary>
    public Scene Compose(IReadOnlyList<EntitySource> entities, SeededRandom random)
    {
        for (int tries = 0; tries < TriesMax; tries++)
        {
            double kind = random.NextDouble();
            SceneView view = kind < 0.40 ? SceneView.Ego : kind < 0.52 ? SceneView.Full : SceneView.NonEgo;
            Scene? scene = view == SceneView.Full
                ? TryFull(entities, random)
                : TryCompose(entities, view, random);
            if (scene is not null)
            {
                return scene;
            }
        }

        throw new PixException(PixErrorKind.Internal,
            $"No scene of {_sources.Name} could be composed in {TriesMax} tries.");
    }

    private Scene? TryFull(IReadOnlyList<EntitySource> entities, SeededRandom random)
    {
        EntitySource entity = random.Pick(entities);
        Sprite sprite = _sprites[entity.Id];
        double scale = random.NextDouble(0.86, 1.0) * Side / Math.Max(sprite.Width, sprite.Height);
        Placement placement = Dress(sprite, sprite.Width * scale, random, angleMax: 0.08) with
        {
            CenterX = Side / 2.0, CenterY = Side / 2.0,
        };
        var canvas = new SceneCanvas(_backgrounds.Crop(Side, wide: false, random));
        canvas.Draw(sprite, placement);
        canvas.AddNoise(random, random.NextDouble(0, 0.03));
        return new Scene(canvas.Image, SceneView.Full, [Thing(entity, null, canvas.VisibleMask(0))]);
    }

    private Scene? TryCompose(IReadOnlyList<EntitySource> entities, SceneView view, SeededRandom random)
    {
        bool ego = view == SceneView.Ego;
        List<EntitySource> chosen = ChooseEntities(entities, ego, random);
        List<(EntitySource? Entity, ObjectSource? Source, Sprite Sprite)> items =
            chosen.Select(entity => ((EntitySource?)entity, (ObjectSource?)null, _sprites[entity.Id])).ToList();
        foreach ((ObjectSource source, Sprite sprite) in ChooseObjects(chosen.Count, ego, random))
        {
            items.Add((null, source, sprite));
        }

        var places = new List<Placement>();
        var boxes = new List<PixelBox>();
        bool crowded = random.NextBool(0.3);
        for (int i = 0; i < items.Count; i++)
        {
            Placement? place = FindPlace(items[i].Sprite, items[i].Entity is not null, ego, crowded, boxes, random);
            if (place is null)
            {
                return null;
            }

            places.Add(place);
            boxes.Add(place.Bounds());
        }

        return Render(view, items, places, random);
    }

    private Scene? Render(SceneView view, List<(EntitySource? Entity, ObjectSource? Source, Sprite Sprite)> items,
        List<Placement> places, SeededRandom random)
    {
        int[] order = Enumerable.Range(0, items.Count).ToArray();
        random.Shuffle<int>(order);
        var canvas = new SceneCanvas(_backgrounds.Crop(Side, view == SceneView.Ego, random));
        bool shadows = random.NextBool(0.6);
        double depth = random.NextDouble(0.25, 0.55);
        foreach (int index in order)
        {
            if (shadows)
            {
                canvas.DrawShadow(items[index].Sprite, places[index], depth);
            }

            canvas.Draw(items[index].Sprite, places[index]);
        }

        var things = new SceneThing[items.Count];
        for (int drawn = 0; drawn < order.Length; drawn++)
        {
            (EntitySource? entity, ObjectSource? source, _) = items[order[drawn]];
            BinaryMask mask = canvas.VisibleMask(drawn);
            PixelBox box = mask.Box;
            if (mask.Area < VisibleShareMin * canvas.FullArea(drawn)
                || Math.Max(box.Width, box.Height) < VisibleSideMin)
            {
                return null;
            }

            things[order[drawn]] = Thing(entity, source, mask);
        }

        canvas.AddNoise(random, random.NextDouble(0, 0.05));
        return new Scene(canvas.Image, view, things);
    }

    private static SceneThing Thing(EntitySource? entity, ObjectSource? source, BinaryMask mask) => entity is not null
        ? new SceneThing(entity.Id, entity.Name, entity.Label, null, entity, mask)
        : new SceneThing(source!.Id, source.Label, source.Label, source.Colour, null, mask);

    private List<EntitySource> ChooseEntities(IReadOnlyList<EntitySource> entities, bool ego, SeededRandom random)
    {
        int most = _sources.Waves ? 3 : ego ? 4 : 5;
        double draw = random.NextDouble();
        int count = draw < 0.35 ? 1 : draw < 0.7 ? 2 : random.NextInt(Math.Min(2, most), most + 1);
        var chosen = new List<EntitySource> { random.Pick(entities) };
        for (int tries = 0; chosen.Count < count && tries < 50; tries++)
        {
            EntitySource next = random.Pick(entities);
            // Every other companion bears the same label, so that "the fish" alone does not say which.
            bool fits = tries > 30 || random.NextBool() || next.Label == chosen[0].Label;
            if (fits && !chosen.Contains(next))
            {
                chosen.Add(next);
            }
        }

        return chosen;
    }

    private List<(ObjectSource Source, Sprite Sprite)> ChooseObjects(int entities, bool ego, SeededRandom random)
    {
        int most = Math.Max(0, (ego ? 5 : 4) - entities);
        int count = _objects.Count == 0 ? 0 : random.NextInt(ego ? Math.Min(1, most) : 0, most + 1);
        var chosen = new List<(ObjectSource Source, Sprite Sprite)>();
        for (int tries = 0; chosen.Count < count && tries < 30; tries++)
        {
            (ObjectSource Source, Sprite Sprite) next = random.Pick(_objects);
            if (chosen.All(other => other.Source.Label != next.Source.Label))
            {
                chosen.Add(next);
            }
        }

        return chosen;
    }

    private Placement? FindPlace(Sprite sprite, bool isEntity, bool ego, bool crowded, List<PixelBox> boxes,
        SeededRandom random)
    {
        (double low, double high) = (isEntity, ego) switch
        {
            (true, true) => (50.0, 92.0),
            (false, true) => (46.0, 110.0),
            (true, false) => (105.0, 215.0),
            _ => (60.0, 140.0),
        };
        double side = random.NextDouble(low, high);
        double overlapMax = crowded && !isEntity ? 0.3 : 0.06;
        double angleMax = _sources.Waves && isEntity ? 0.25 : 0.45;
        for (int tries = 0; tries < 40; tries++)
        {
            double width = side * sprite.Width / Math.Max(sprite.Width, sprite.Height);
            Placement placement = Dress(sprite, width, random, angleMax);
            PixelBox bounds = placement.Bounds();
            if (bounds.Width >= Side || bounds.Height >= Side)
            {
                side *= 0.85;
                continue;
            }

            placement = placement with
            {
                CenterX = random.NextDouble(bounds.Width / 2.0, Side - bounds.Width / 2.0),
                CenterY = random.NextDouble(bounds.Height / 2.0, Side - bounds.Height / 2.0),
            };
            bounds = placement.Bounds();
            if (boxes.All(box => Overlap(box, bounds) <= overlapMax))
            {
                return placement;
            }

            side = Math.Max(low, side * 0.96);
        }

        return null;
    }

    private Placement Dress(Sprite sprite, double width, SeededRandom random, double angleMax)
    {
        float light = (float)random.NextDouble(0.72, 1.18);
        bool waves = _sources.Waves && random.NextBool(0.75);
        float Tint() => (float)(light * random.NextDouble(0.93, 1.07));
        return new Placement
        {
            CenterX = 0,
            CenterY = 0,
            Width = width,
            Height = width * sprite.Height / sprite.Width,
            Angle = random.NextDouble(-angleMax, angleMax),
            // A mirrored flag is another flag.
            Mirrored = !_sources.Waves && random.NextBool(),
            TiltX = random.NextDouble(-0.22, 0.22),
            TiltY = random.NextDouble(-0.15, 0.15),
            WaveHeight = waves ? random.NextDouble(0.02, 0.075) : 0,
            WaveCount = random.NextDouble(0.8, 2.0),
            WavePhase = random.NextDouble(),
            Light = (Tint(), Tint(), Tint()),
            Blur = random.NextBool(0.25) ? random.NextDouble(0.3, 1) : 0,
        };
    }

    // Share of the smaller box that is covered.
    private static double Overlap(PixelBox a, PixelBox b)
    {
        double width = Math.Min(a.X + a.Width, b.X + b.Width) - Math.Max(a.X, b.X);
        double height = Math.Min(a.Y + a.Height, b.Y + b.Height) - Math.Max(a.Y, b.Y);
        return width <= 0 || height <= 0
            ? 0
            : width * height / Math.Min((double)a.Width * a.Height, (double)b.Width * b.Height);
    }
}
