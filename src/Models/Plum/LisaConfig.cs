namespace PixSearch.Models.Plum;

/// <summary>All sizes of a LISA or GLaMM model (one <c>[SEG]</c> token a mask) in the project's own layout.</summary>
public sealed record LisaConfig : LlavaSamConfig
{
    /// <summary>The system text of <c>llava_v1</c>, with which LISA and GLaMM were trained, unless another is
    /// set.</summary>
    public LisaConfig() => SystemPrompt = Families.PixSearchPrompt.LlavaSystem;

    /// <summary>The value of <c>model_type</c> in the project's layout.</summary>
    public const string Type = "lisa";

    /// <summary>Always <see cref="Type"/>.</summary>
    public string ModelType { get; init; } = Type;

    /// <summary>Reads a configuration of the project's layout.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">It is not JSON, or a value is missing or out of
    /// range.</exception>
    public static LisaConfig Parse(string json) => ConfigJson.Parse<LisaConfig>(json).Validate();

    /// <summary>The configuration as <c>config.json</c>.</summary>
    public string ToJson() => ConfigJson.Write(this);

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public LisaConfig Validate()
    {
        ConfigJson.CheckType(ModelType, Type);
        ValidateParts();
        return this;
    }
}
