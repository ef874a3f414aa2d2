namespace PixSearch.Tensors;

/// <summary>How a weight's numbers are stored. Arithmetic is F32 for all.</summary>
public enum WeightType
{
    /// <summary>32-bit float.</summary>
    F32,

    /// <summary>Upper half of a 32-bit float.</summary>
    BF16,

    /// <summary>
    /// Blocks of 32 signed bytes along the input dimension with one BF16 scale each (<see cref="Q8Block"/>).
    /// </summary>
    Q8,
}

/// <summary>Gives elements [start, start + destination.Length) of a weight, row-major.</summary>
public delegate void WeightReader(long start, Span<float> destination);

/// <summary>
/// A learned array with the name it has in the checkpoint. In training it is a plain F32 tensor that the optimizer
/// changes; for
/// serving a backend may pack it once into the layout that its kernels like (<see cref="Packed"/>) and drop the
/// plain form.
/// </summary>
public sealed class Weight : IDisposable
{
    private Tensor? _plain;

    /// <summary>A weight over a plain tensor, which it owns.</summary>
    public Weight(string name, Tensor plain)
    {
        Name = name;
        Shape = plain.Shape;
        _plain = TensorScope.Detach(plain);
    }

    /// <summary>A weight that exists only in packed form.</summary>
    public Weight(string name, Shape shape, WeightType type, IDisposable packed)
    {
        Name = name;
        Shape = shape;
        Type = type;
        Packed = packed;
    }

    /// <summary>Name in the checkpoint.</summary>
    public string Name { get; }

    /// <summary>Sizes as in the checkpoint; Linear is [out, in].</summary>
    public Shape Shape { get; }

    /// <summary>Storage of the numbers.</summary>
    public WeightType Type { get; private set; }

    /// <summary>The plain F32 form; null once it was dropped for the packed one.</summary>
    public Tensor? Plain => _plain;

    /// <summary>The backend's own form, made on first use; opaque to everyone else.</summary>
    public IDisposable? Packed { get; set; }

    /// <summary>The <see cref="Version"/> that <see cref="Packed"/> was made from.</summary>
    public int PackedVersion { get; set; }

    /// <summary>Counts changes of the plain form; whoever writes it (optimizer, loader) adds one.</summary>
    public int Version { get; set; }

    /// <summary>Whether training changes it.</summary>
    public bool Trainable { get; set; }

    /// <summary>Drops the plain form: from now on the packed one is all there is.</summary>
    public void DropPlain(WeightType type)
    {
        if (Packed is null)
        {
            throw new InvalidOperationException($"Weight '{Name}' has no packed form to fall back on.");
        }

        Type = type;
        _plain?.Dispose();
        _plain = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _plain?.Dispose();
        Packed?.Dispose();
        Packed = null;
    }

    /// <summary>For example <c>lm_head.weight F32[100, 64]</c>.</summary>
    public override string ToString() => $"{Name} {Type}{Shape}";
}
