using PixSearch.Abstractions;
using PixSearch.Training.Data;

namespace PixSearch.Training.Loading;

/// <summary>A sample in tokens: everything after the picture's slots (the part before is the same for all).</summary>
public sealed class PreparedSample
{
    /// <summary>Name of the sample.</summary>
    public required string Id { get; init; }

    /// <summary>What it was made of; null for one that stands for no text.</summary>
    public Sample? Source { get; init; }

    /// <summary>File of the picture.</summary>
    public required string Picture { get; init; }

    /// <summary>segment, region, image, ....</summary>
    public required string Kind { get; init; }

    /// <summary>0 = locating, 1 = segmentation, 2 = search-interleaved.</summary>
    public required int Stage { get; init; }

    /// <summary>Rest of the prompt, trajectory and end token.</summary>
    public required int[] Tokens { get; init; }

    /// <summary>For each token whether predicting it carries loss.</summary>
    public required bool[] Learned { get; init; }

    /// <summary>For each token the tagger's label: 0 outside, 1 begin, 2 inside.</summary>
    public required byte[] Labels { get; init; }

    /// <summary>Spans in text order.</summary>
    public required IReadOnlyList<PreparedSpan> Spans { get; init; }

    /// <summary>Everything in the picture that has a mask.</summary>
    public required IReadOnlyList<PreparedThing> Things { get; init; }

    /// <summary>Lengths of the beginnings that end with a region search: where decoding runs the tagger.</summary>
    public required int[] Cuts { get; init; }

    /// <summary>First token behind the last evidence; the trajectory's first token when there is none.</summary>
    public required int AnswerStart { get; init; }
}

/// <summary>Tokens [Start, End) of a sample and the mask that they own.</summary>
public sealed record PreparedSpan(int Start, int End, RleMask Mask);

/// <summary>A thing in a picture.</summary>
/// <param name="Mask">Its visible part.</param>
/// <param name="Name">First token of its label behind a space.</param>
public sealed record PreparedThing(RleMask Mask, int Name);
