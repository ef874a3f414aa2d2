using PixSearch.Abstractions;
using PixSearch.Models;

namespace PixSearch.Inference.Sessions;

/// <summary>What a session needs next from the engine.</summary>
public enum SessionAction
{
    /// <summary>The next token: <see cref="SessionMachine.AcceptToken"/>.</summary>
    Decode,

    /// <summary>Spans and masks of the text so far: <see cref="SessionMachine.AcceptMasks"/>.</summary>
    DecodeMasks,

    /// <summary>The hits of <see cref="SessionMachine.Search"/>: <see cref="SessionMachine.AcceptEvidence"/>.</summary>
    Search,

    /// <summary>Nothing: the last event is <see cref="Finished"/> or <see cref="Failed"/>.</summary>
    None,
}

/// <summary>A search that a session waits for.</summary>
/// <param name="Turn">Number of the search, from 1.</param>
/// <param name="Modality">What is sent.</param>
/// <param name="Query">Text query, or the phrase of the entity; empty for the whole picture.</param>
/// <param name="TopK">Most hits.</param>
/// <param name="Mask">The mask of the part of the picture to send; null for all of it. What is not in it is filled
/// (<see cref="SessionOptions.CropBackground"/>).</param>
public sealed record SearchOrder(int Turn, SearchModality Modality, string Query, int TopK,
    RleMask? Mask = null);

/// <summary>A decoded mask of a grounding.</summary>
/// <param name="Span">The slots that own it.</param>
/// <param name="Rle">The mask in the original picture's coordinates.</param>
/// <param name="Box">Tight box; empty (0 x 0) for an empty mask.</param>
/// <param name="Score">Mean probability over the mask's pixels, 0..1; 0 for an empty mask.</param>
public sealed record DecodedMask(Grounding Span, RleMask Rle, PixelBox Box, float Score)
{
    /// <summary>No pixel lies above the threshold.</summary>
    public bool IsEmpty => Box.Width == 0 || Box.Height == 0;
}

/// <summary>What a session starts from.</summary>
/// <param name="Prompt">The prompt in slots.</param>
/// <param name="Question">The question as asked: the text query when a search mode forces text.</param>
/// <param name="PictureWidth">Width in pixels; 0 without picture.</param>
/// <param name="PictureHeight">Height in pixels; 0 without picture.</param>
/// <param name="ContextLength">Most slots.</param>
public sealed record SessionStart(ModelPrompt Prompt, string Question, int PictureWidth, int PictureHeight,
    int ContextLength)
{
    /// <summary>Whether there is a picture to ground in.</summary>
    public bool HasPicture => PictureWidth > 0;
}
