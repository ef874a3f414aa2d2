using PixSearch.Tensors;

namespace PixSearch.Models.Weights;

/// <summary>
/// Where a model's weights come from: random numbers for training, a checkpoint for serving. One model definition is
/// built from either.
/// </summary>
public interface IWeightSource
{
    /// <summary>True when the source has, or can make, a weight of this name. Random sources make everything.</summary>
    bool Contains(string name);

    /// <summary>The weight of this name. The caller (<see cref="WeightStore"/>) disposes it.</summary>
    /// <param name="name">Name in the project's layout, which is that of the family's published checkpoint.</param>
    /// <param name="shape">The shape that the model's configuration asks for.</param>
    /// <param name="init">What a new weight would be.</param>
    Weight Create(string name, Shape shape, WeightInit init);
}
