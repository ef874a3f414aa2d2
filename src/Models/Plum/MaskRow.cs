namespace PixSearch.Models.Plum;

/// <summary>A mask to decode: which picture, and which answer it belongs to. Rows of an answer stand in text
/// order.</summary>
public readonly record struct MaskRow(int Picture, int Answer);
