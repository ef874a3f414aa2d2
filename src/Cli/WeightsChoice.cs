using System.CommandLine;
using PixSearch.Tensors;

namespace PixSearch.Cli;

/// <summary>The option <c>--weights</c> of commands that load a model.</summary>
internal static class WeightsChoice
{
    private const string AsStored = "auto";

    /// <summary>The option; without it weights stay in the type of the checkpoint.</summary>
    public static Option<string> Option()
    {
        var option = new Option<string>("--weights")
        {
            Description = "How matrices are held in memory: auto (as the checkpoint stores them), f32, bf16, q8.",
            DefaultValueFactory = _ => AsStored,
        };
        option.AcceptOnlyFromAmong(AsStored, "f32", "bf16", "q8");
        return option;
    }

    /// <summary>The type of a value; null for <c>auto</c>.</summary>
    public static WeightType? Parse(string? name) =>
        name is null or AsStored ? null : Enum.Parse<WeightType>(name, ignoreCase: true);
}
