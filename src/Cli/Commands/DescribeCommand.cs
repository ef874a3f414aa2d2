using System.CommandLine;
using PixSearch.Abstractions;
using PixSearch.Cli.Asking;
using PixSearch.Imaging;
using PixSearch.Models;
using PixSearch.Models.Families;
using PixSearch.Models.Tasks;
using PixSearch.Tensors;

namespace PixSearch.Cli.Commands;

/// <summary><c>px describe</c>: a text about a region of a picture, by Pixel-SAIL's visual prompts.</summary>
internal static class DescribeCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var picture = new Argument<string>("PICTURE") { Description = "A JPEG, PNG or WebP file." };
        var region = new Option<string>("--region")
        {
            Description = "The region: x,y,width,height in pixels, or a mask (a picture, white inside).",
            Required = true,
        };
        var question = new Option<string?>("--question") { Description =
            "A question about <Prompt0>, instead of a description." };
        var model = new Option<string>("--model") { Description = "Folder of a Pixel-SAIL model.", Required = true };
        var tokens = new Option<int>("--max-tokens") { Description = "Longest answer.", DefaultValueFactory = _ =>
            512 };
        Option<string> weights = WeightsChoice.Option();
        Option<string> backend = BackendChoice.Option();
        var command = new Command("describe", "Describe a region of a picture (Pixel-SAIL).")
        {
            picture, region, question, model, tokens, weights, backend,
        };
        command.SetAction((parsed, cancellation) =>
        {
            int tokensMax = parsed.GetValue(tokens);
            if (tokensMax is < 1 or > 100_000)
            {
                throw new PixException(PixErrorKind.InvalidArgument,
                    $"--max-tokens is {tokensMax}; it must be 1 to 100000.");
            }

            RgbImage image = PictureCodec.DecodeFile(parsed.GetValue(picture)!);
            using IBackend engine = BackendChoice.Create(parsed.GetValue(backend));
            using ISegmentingModel loaded = ModelFolder.Load(engine,
                AskSetup.FolderOf("model", parsed.GetValue(model)!), WeightsChoice.Parse(parsed.GetValue(weights)));
            if (loaded is not IVisualPromptModel sail)
            {
                throw new PixException(PixErrorKind.InvalidArgument,
                    $"{loaded.Name} is of the family {loaded.Family}; only Pixel-SAIL takes regions as prompts.");
            }

            string text = RegionDescriber.Describe(sail, image,
                Regions.BoxOrMask("--region", parsed.GetValue(region)!, image), parsed.GetValue(question), tokensMax,
                    cancellation);
            parsed.InvocationConfiguration.Output.WriteLine(text);
            return Task.FromResult(0);
        });
        return command;
    }
}
