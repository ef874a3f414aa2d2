using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;

namespace PixSearch.Training.Data.Scenes;

/// <summary>How a scene is taken.</summary>
internal enum SceneView
{
    /// <summary>Close: things are large.</summary>
    NonEgo,

    /// <summary>Wide angle: the thing asked for is small.</summary>
    Ego,

    /// <summary>One entity fills the picture (asked about with a whole-image search; counts as non-ego).</summary>
    Full,
}

/// <summary>Where a thing lies and what it is called in general: what words tell it from others by.</summary>
internal interface IPlacedThing
{
    /// <summary>Generic word: flag, drum.</summary>
    string Label { get; }

    /// <summary>Middle of the box of what can be seen, in pixels.</summary>
    double CenterX { get; }

    /// <inheritdoc cref="CenterX"/>
    double CenterY { get; }

    /// <summary>Pixels that can be seen.</summary>
    long Area { get; }
}

/// <summary>A thing as it can be seen in a scene.</summary>
/// <param name="Id">Entity id or object id.</param>
/// <param name="Name">Name.</param>
/// <param name="Label">Generic word.</param>
/// <param name="Colour">Its one colour, or null.</param>
/// <param name="Entity">Null for a plain object.</param>
/// <param name="Mask">What can be seen of it.</param>
internal sealed record SceneThing(string Id, string Name, string Label, string? Colour, EntitySource? Entity,
    BinaryMask Mask) : IPlacedThing
{
    public PixelBox Box { get; } = Mask.Box;

    public long Area { get; } = Mask.Area;

    public double CenterX => Box.X + Box.Width / 2.0;

    public double CenterY => Box.Y + Box.Height / 2.0;
}

/// <summary>A finished scene.</summary>
internal sealed record Scene(RgbImage Image, SceneView View, IReadOnlyList<SceneThing> Things);
