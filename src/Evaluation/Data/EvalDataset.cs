using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Retrieval;

namespace PixSearch.Evaluation;

/// <summary>A split of a data set, and its knowledge base.</summary>
public sealed class EvalDataset
{
    private const int LineBytesMax = 4 << 20;

    private readonly Dictionary<string, string> _entityOfDocument = new(StringComparer.Ordinal);
    private readonly HashSet<string> _pictured = new(StringComparer.Ordinal);

    private EvalDataset(string directory, string split, IReadOnlyList<EvalSample> samples)
    {
        (Directory, Split, Samples) = (directory, split, samples);
        foreach (KnowledgeDocument document in new KnowledgeBase(Path.Combine(directory, "kb")).ReadDocuments())
        {
            // A document about no entity is named by itself: a currency's card can be the gold of a text search.
            string entity = document.Entity ?? document.Id;
            _entityOfDocument[document.Id] = entity;
            if (document.Picture is not null)
            {
                _pictured.Add(entity);
            }
        }
    }

    /// <summary>The data set's folder.</summary>
    public string Directory { get; }

    /// <summary><c>train</c>, <c>val</c> or <c>test</c>.</summary>
    public string Split { get; }

    /// <summary>Its samples, in the order of the file.</summary>
    public IReadOnlyList<EvalSample> Samples { get; }

    /// <summary>Reads a split.</summary>
    /// <param name="directory">Folder made by <c>px data build</c>.</param>
    /// <param name="split">train, val or test.</param>
    /// <exception cref="PixException">A file is missing, or a line is bad (file and line).</exception>
    public static EvalDataset Load(string directory, string split)
    {
        string path = Path.Combine(directory, $"{split}.jsonl");
        if (!File.Exists(path))
        {
            throw new PixException(PixErrorKind.NotFound,
                $"{path} does not exist; make a data set with 'px data build' and name its folder with --data.");
        }

        var samples = new List<EvalSample>();
        foreach ((int line, JsonElement value) in JsonLines.Read(path, LineBytesMax))
        {
            samples.Add(Parse(value, path, line));
        }

        return new EvalDataset(directory, split, samples);
    }

    /// <summary>The entity that a document describes; null for a document of another knowledge base.</summary>
    public string? EntityOf(string documentId) => _entityOfDocument.GetValueOrDefault(documentId);

    /// <summary>Entities that some document shows in a picture.</summary>
    public IReadOnlySet<string> PicturedEntities => _pictured;

    /// <summary>The encoded picture of a sample.</summary>
    /// <exception cref="PixException">NotFound naming the sample.</exception>
    public byte[] ReadPicture(EvalSample sample)
    {
        string path = Path.Combine(Directory, sample.Image);
        return File.Exists(path)
            ? File.ReadAllBytes(path)
            : throw new PixException(PixErrorKind.NotFound,
            $"The picture {path} of sample {sample.Id} does not exist.");
    }

    private static EvalSample Parse(JsonElement value, string path, int line)
    {
        EvalSample sample;
        try
        {
            sample = value.Deserialize<EvalSample>(JsonSerializerOptions.Web)!;
        }
        catch (JsonException error)
        {
            throw JsonLines.Bad(path, line, $"is no sample: {error.Message}", error);
        }

        bool sound = sample.Target.All(index => index >= 0 && index < sample.Entities.Count) &&
            sample.Spans.All(span => span.Entity >= 0 && span.Entity < sample.Entities.Count && span.Start >= 0 &&
                span.Start < span.End && span.End <= sample.Trajectory.Length) &&
            sample.Entities.All(entity => entity.Mask.Size.Count == 2);
        return sound ? sample
            : throw JsonLines.Bad(path, line, $"is no sample: {sample.Id} points outside its own lists");
    }
}
