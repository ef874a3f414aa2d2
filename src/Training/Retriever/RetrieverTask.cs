using PixSearch.Abstractions;
using PixSearch.Autodiff;
using PixSearch.Imaging;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Vision;
using PixSearch.Models.Weights;
using PixSearch.Retrieval;
using PixSearch.Tensors;
using PixSearch.Training.Losses;
using PixSearch.Training.Running;
using PixSearch.Training.Settings;

namespace PixSearch.Training.Retriever;

/// <summary>Two views of each of some instances. Shapes: [instances, 3, side, side].</summary>
public sealed record RetrieverBatch(float[] Queries, float[] Documents, int Count);

/// <summary>
/// Contrastive training of the index encoder: a crop of an entity in a scene must be nearer to the picture of its
/// document than to those of all other entities in the batch, and the other way round (InfoNCE).
/// </summary>
public sealed class RetrieverTask : ITrainingTask<RetrieverBatch>, IDisposable
{
    // Where an instance has crops, some queries are made from its document all the same: they vary more.
    private const double StandInShare = 0.25;
    private const double MirrorShare = 0.3;

    // Exchanged colours make another flag: six times as many are learned from as there are.
    private const double RecolourShare = 0.5;
    private const int Recolourings = 6;
    private const ulong OrderStream = 1UL << 62;

    private readonly AutodiffBackend _backend;
    private readonly RetrieverSettings _settings;
    private readonly RetrieverConfig _config;
    private readonly InstanceSet _instances;
    private readonly WeightStore _weights;
    private readonly ClipImageEncoder _encoder;

    /// <summary>A task on instances.</summary>
    public RetrieverTask(AutodiffBackend backend, RetrieverConfig config, InstanceSet instances,
        RetrieverSettings settings)
    {
        (_backend, _config, _instances, _settings) = (backend, config, instances, settings);
        _weights = new WeightStore(new RandomWeights(backend, settings.Seed));
        _encoder = new ClipImageEncoder(backend, _weights.Root, config.VisionConfig, config.ProjectionDim);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Weight> Weights => _weights.All;

    private int Side => _config.VisionConfig.ImageSize;

    /// <inheritdoc/>
    public void BeginStage(StageSettings stage, bool resumed)
    {
        // All stages learn the same; they differ in their schedule only.
    }

    /// <inheritdoc/>
    public RetrieverBatch Build(long index, StageSettings stage)
    {
        IReadOnlyList<Instance> all = _instances.Training;
        int count = Math.Min(_settings.BatchInstances, all.Count);
        SeededRandom random = SeededRandom.ForStream(_settings.Seed, (ulong)index);
        int size = 3 * Side * Side;
        float[] queries = new float[count * size];
        float[] documents = new float[count * size];
        int[] order = OrderOf(index * count / all.Count);
        int[] next = OrderOf((index * count / all.Count) + 1);
        for (int i = 0; i < count; i++)
        {
            // A batch that crosses the end of an epoch goes on with the next order; an instance met twice is passed
            // over.
            long at = ((index * count) % all.Count) + i;
            Instance instance = all[at < all.Count ? order[at] : next[at - all.Count]];
            bool standIn = instance.Crops.Count == 0 || random.NextBool(StandInShare);
            bool mirror = standIn && !instance.Id.StartsWith("flag:",
                StringComparison.Ordinal) && random.NextBool(MirrorShare);
            ViewMaker.Make(standIn ? instance.Document : random.Pick(instance.Crops),
                standIn ? ViewRange.Strong : ViewRange.Crop,
                mirror, random, Side, queries.AsSpan(i * size, size));
            ViewMaker.Make(instance.Document, ViewRange.Slight, false, random, Side, documents.AsSpan(i * size, size));
            if (random.NextBool(RecolourShare))
            {
                int turn = random.NextInt(1, Recolourings);
                Recolour(queries.AsSpan(i * size, size), turn);
                Recolour(documents.AsSpan(i * size, size), turn);
            }
        }

        return new RetrieverBatch(queries, documents, count);
    }

    /// <inheritdoc/>
    public TaskStep Forward(RetrieverBatch batch)
    {
        var shape = new Shape(batch.Count, 3, Side, Side);
        Tensor pixels = _backend.Concat(0, _backend.From(batch.Queries, shape), _backend.From(batch.Documents, shape));
        Tensor vectors = _encoder.Forward(_backend, pixels);
        Tensor queries = _backend.Slice(vectors, 0, 0, batch.Count);
        Tensor documents = _backend.Slice(vectors, 0, batch.Count, batch.Count);
        Tensor loss = ContrastiveLoss.Apply(_backend, queries, documents, _settings.Temperature);
        return new TaskStep(loss, batch.Count, [new Metric("loss", loss.Span[0])]);
    }

    /// <inheritdoc/>
    /// <remarks>Crops of entities kept aside, searched among the pictures of all documents.</remarks>
    public IReadOnlyList<Metric> Evaluate()
    {
        if (_instances.HeldOut.Count == 0)
        {
            return [];
        }

        using IDisposable region = _backend.NoGradient();
        Instance[] gallery = [.. _instances.HeldOut, .. _instances.Training];
        float[][] documents = [.. Encode([.. gallery.Select(instance => instance.Document)])];
        var crops = _instances.HeldOut.SelectMany((instance, i) => instance.Crops.Select(crop => (Answer: i,
            Crop: crop))).ToList();
        float[][] queries = [.. Encode([.. crops.Select(pair => pair.Crop)])];
        int first = 0;
        int firstFive = 0;
        for (int q = 0; q < queries.Length; q++)
        {
            float own = Dot(queries[q], documents[crops[q].Answer]);
            int better = documents.Count(document => Dot(queries[q], document) > own);
            first += better == 0 ? 1 : 0;
            firstFive += better < 5 ? 1 : 0;
        }

        return [new("top1", (double)first / queries.Length), new("top5", (double)firstFive / queries.Length)];
    }

    /// <inheritdoc/>
    public void Export(string folder) => ClipRegionEncoder.Save(_config, _weights, folder, ElementType.BF16);

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    private static void Recolour(Span<float> picture, int turn)
    {
        int plane = picture.Length / 3;
        if (turn >= 3)
        {
            for (int i = 0; i < plane; i++)
            {
                (picture[i], picture[plane + i]) = (picture[plane + i], picture[i]);
            }
        }

        for (int step = turn % 3; step > 0; step--)
        {
            for (int i = 0; i < plane; i++)
            {
                (picture[i], picture[plane + i], picture[(2 * plane) + i]) =
                    (picture[plane + i], picture[(2 * plane) + i], picture[i]);
            }
        }
    }

    private static float Dot(float[] a, float[] b) => System.Numerics.Tensors.TensorPrimitives.Dot(a, b);

    private IEnumerable<float[]> Encode(IReadOnlyList<RgbImage> pictures)
    {
        int size = 3 * Side * Side;
        var still = new ViewRange(0, 0, 0, 0, 0, 0, 0);
        foreach (RgbImage[] part in pictures.Chunk(64))
        {
            using var scope = new TensorScope();
            float[] pixels = new float[part.Length * size];
            for (int i = 0; i < part.Length; i++)
            {
                ViewMaker.Make(part[i], still, false, new SeededRandom(0), Side, pixels.AsSpan(i * size, size));
            }

            Tensor vectors = _encoder.Forward(_backend, _backend.From(pixels, new Shape(part.Length, 3, Side, Side)));
            float[] numbers = vectors.Span.ToArray();
            for (int i = 0; i < part.Length; i++)
            {
                yield return numbers[(i * _config.ProjectionDim)..((i + 1) * _config.ProjectionDim)];
            }
        }
    }

    private int[] OrderOf(long epoch)
    {
        int[] order = [.. Enumerable.Range(0, _instances.Training.Count)];
        SeededRandom.ForStream(_settings.Seed, OrderStream + (ulong)epoch).Shuffle<int>(order);
        return order;
    }
}
