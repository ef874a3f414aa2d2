namespace PixSearch.Models.Sam;

/// <summary>A SAM by itself in the project's own layout.</summary>
public sealed record SamModelConfig
{
    /// <summary>The value of <c>model_type</c> in the project's layout.</summary>
    public const string Type = "sam";

    /// <summary>Always <see cref="Type"/>.</summary>
    public string ModelType { get; init; } = Type;

    /// <summary>Name for users.</summary>
    public string Name { get; init; } = "";

    /// <summary>The sizes.</summary>
    public required SamConfig SamConfig { get; init; }

    /// <summary>Reads a configuration of the project's layout.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">It is not JSON, or a value is missing or out of
    /// range.</exception>
    public static SamModelConfig Parse(string json) => ConfigJson.Parse<SamModelConfig>(json).Validate();

    /// <summary>The configuration as <c>config.json</c>.</summary>
    public string ToJson() => ConfigJson.Write(this);

    /// <summary>Checks the sizes and returns the configuration.</summary>
    /// <exception cref="PixSearch.Abstractions.PixException">A value is out of range; the message names it.</exception>
    public SamModelConfig Validate()
    {
        ConfigJson.CheckType(ModelType, Type);
        SamConfig.Validate();
        return this;
    }
}
