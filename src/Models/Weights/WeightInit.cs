namespace PixSearch.Models.Weights;

/// <summary>How a new weight's numbers are drawn.</summary>
public enum WeightInitKind
{
    /// <summary>All zero.</summary>
    Zeros,

    /// <summary>All equal to <see cref="WeightInit.Scale"/>.</summary>
    Constant,

    /// <summary>Normal with mean 0 and standard deviation <see cref="WeightInit.Scale"/>.</summary>
    Normal,

    /// <summary>Uniform in [-Scale, Scale).</summary>
    Uniform,
}

/// <summary>How a model computes with a weight, which decides how it may be stored for serving.</summary>
public enum WeightUse
{
    /// <summary>As plain numbers: norms, biases, convolutions, positions.</summary>
    Elements,

    /// <summary>Only as the matrix of linear layers: may be packed in any type.</summary>
    Matrix,

    /// <summary>As a table whose rows are looked up, at most also as a matrix: BF16 at least.</summary>
    Table,
}

/// <summary>
/// What a weight is before training, whether training may change it, and how the model computes with it.
/// </summary>
/// <param name="Kind">The distribution.</param>
/// <param name="Scale">Its parameter.</param>
/// <param name="Trainable">False for buffers, such as SAM's Gaussian matrix.</param>
/// <param name="Use">How the model computes with it.</param>
public readonly record struct WeightInit(WeightInitKind Kind, float Scale = 0, bool Trainable = true,
    WeightUse Use = WeightUse.Elements)
{
    /// <summary>Zeros: biases and shifts.</summary>
    public static WeightInit Zeros => new(WeightInitKind.Zeros);

    /// <summary>Ones: scales of norms.</summary>
    public static WeightInit Ones => new(WeightInitKind.Constant, 1);

    /// <summary>A normal distribution with this standard deviation.</summary>
    public static WeightInit Normal(float deviation) => new(WeightInitKind.Normal, deviation);

    /// <summary>Uniform in [-1/sqrt(fanIn), 1/sqrt(fanIn)): what PyTorch gives Linear and Conv2d layers.</summary>
    public static WeightInit FanIn(int fanIn) => new(WeightInitKind.Uniform, 1 / MathF.Sqrt(fanIn));

    /// <summary>Normal numbers that training never changes.</summary>
    public static WeightInit Buffer(float deviation) => new(WeightInitKind.Normal, deviation, false);
}
