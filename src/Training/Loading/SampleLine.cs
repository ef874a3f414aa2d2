using System.Text.Json;
using PixSearch.Abstractions;

namespace PixSearch.Training.Loading;

/// <summary>One line of <c>train.jsonl</c>, <c>val.jsonl</c> or <c>test.jsonl</c>, as far as training reads it.</summary>
public sealed record SampleLine
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    /// <summary>Name of the sample.</summary>
    public required string Id { get; init; }

    /// <summary>Picture, relative to the data set's folder.</summary>
    public required string Image { get; init; }

    /// <summary>1 = segmentation, 2 = search-interleaved.</summary>
    public required int Stage { get; init; }

    /// <summary>segment, region, image, text, multihop, none or unanswerable.</summary>
    public required string Kind { get; init; }

    /// <summary>The question.</summary>
    public required string Question { get; init; }

    /// <summary>What follows <c>ASSISTANT:</c> and a space.</summary>
    public required string Trajectory { get; init; }

    /// <summary>What the picture shows, with masks.</summary>
    public IReadOnlyList<SampleEntity> Entities { get; init; } = [];

    /// <summary>Phrases of the trajectory that own a mask.</summary>
    public IReadOnlyList<SampleSpan> Spans { get; init; } = [];

    /// <summary>Reads a file of one JSON object a line.</summary>
    /// <exception cref="PixException">The file is missing or a line is no sample.</exception>
    public static List<SampleLine> ReadAll(string path)
    {
        if (!File.Exists(path))
        {
            throw new PixException(PixErrorKind.NotFound,
                $"'{path}' does not exist; build a data set with 'px data build' and pass its folder with --data.");
        }

        var samples = new List<SampleLine>();
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (line.Length > 0)
            {
                samples.Add(Parse(line, path, number));
            }
        }

        return samples;
    }

    private static SampleLine Parse(string line, string path, int number)
    {
        try
        {
            return JsonSerializer.Deserialize<SampleLine>(line, s_json) ?? throw new JsonException("the line is null");
        }
        catch (JsonException error)
        {
            throw new PixException(PixErrorKind.BrokenArtifact, $"'{path}' line {number} is no sample: {error.Message}");
        }
    }
}

/// <summary>Something in a picture.</summary>
public sealed record SampleEntity
{
    /// <summary>For example <c>flag:FJ</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Its mask in pixels of the picture.</summary>
    public required SampleMask Mask { get; init; }

    /// <summary>The generic word for it: flag, fish, drum.</summary>
    public string Label { get; init; } = "";

    /// <summary>Left, top, width and height in pixels.</summary>
    public IReadOnlyList<double> Bbox { get; init; } = [];
}

/// <summary>COCO run lengths. Size: [height, width].</summary>
public sealed record SampleMask(IReadOnlyList<int> Size, string Counts)
{
    /// <summary>The mask in the project's form.</summary>
    public RleMask ToRle() => new(Size[0], Size[1], Counts);
}

/// <summary>Characters [Start, End) of the trajectory show entity number <c>Entity</c>.</summary>
public readonly record struct SampleSpan(int Start, int End, int Entity);
