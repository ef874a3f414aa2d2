using System.CommandLine;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Drawing;
using PixSearch.Models;
using PixSearch.Models.Families;
using PixSearch.Models.Sam;
using PixSearch.Models.Tasks;
using PixSearch.Tensors;

namespace PixSearch.Cli.Commands;

/// <summary>
/// <c>px segment</c>: masks of what a text refers to, one a target with its phrase; or SAM's masks for points, boxes or
/// a mask.
/// </summary>
internal static class SegmentCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var picture = new Argument<string>("PICTURE") { Description = "A JPEG, PNG or WebP file." };
        var text = new Argument<string?>("TEXT")
        {
            Description = "What to segment: \"the flag on the left and the apple\".",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var question = new Option<string?>("--question") { Description =
            "The whole question, instead of TEXT in the family's wording." };
        var points = new Option<string[]>("--point") { Description =
            "x,y in pixels, or x,y,0 for a point outside (SAM)." };
        var boxes = new Option<string[]>("--box") { Description = "x,y,width,height in pixels (SAM)." };
        var mask = new Option<string?>("--mask") { Description = "A rough mask: a picture, white inside (SAM)." };
        var multi = new Option<bool>("--multimask") { Description = "Three masks of different extent (SAM)." };
        var model = new Option<string>("--model")
        {
            Description = "Folder of the model.",
            DefaultValueFactory = _ => ModelFolders.Model,
        };
        var output = new Option<string?>("--out") { Description = "Write the picture with its masks here (PNG)." };
        var json = new Option<bool>("--json") { Description = "Print masks as COCO run lengths, boxes and scores." };
        var tokens = new Option<int>("--max-tokens") { Description = "Longest answer.", DefaultValueFactory = _ =>
            128 };
        Option<string> backend = BackendChoice.Option();
        var command = new Command("segment", "Masks of what a text, a point, a box or a mask refers to.")
        {
            picture, text, question, points, boxes, mask, multi, model, output, json, tokens, backend,
        };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(new Request(
            parsed.GetValue(picture)!, parsed.GetValue(text), parsed.GetValue(question), parsed.GetValue(points) ?? [],
            parsed.GetValue(boxes) ?? [], parsed.GetValue(mask), parsed.GetValue(multi), parsed.GetValue(model)!,
            parsed.GetValue(output), parsed.GetValue(json), parsed.GetValue(tokens), parsed.GetValue(backend)),
            parsed.InvocationConfiguration.Output, cancellation)));
        return command;
    }

    private static int Run(Request request, TextWriter console, CancellationToken cancellation)
    {
        bool hasPrompts = request.Points.Length + request.Boxes.Length > 0 || request.Mask is not null;
        bool hasText = request.Text is not null || request.Question is not null;
        if (hasPrompts == hasText)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                "Give either TEXT (or --question), or --point, --box, --mask.");
        }

        if (request.TokensMax is < 1 or > 100_000)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"--max-tokens is {request.TokensMax}; it must be 1 to 100000.");
        }

        RgbImage picture = PictureCodec.DecodeFile(request.Picture);
        using IBackend backend = BackendChoice.Create(request.Backend);
        using ISegmentingModel model = ModelFolder.Load(backend, request.Model);
        SegmentationResult result = hasText
            ? TextSegmenter.Segment(model, picture,
                request.Question ?? TextSegmenter.Question(model.Family, request.Text!), request.TokensMax,
                    cancellation)
            : new SegmentationResult("", Prompted(model, picture, request), []);
        Print(result, picture, request, console);
        return 0;
    }

    private static IReadOnlyList<SegmentedTarget> Prompted(ISegmentingModel model, RgbImage picture, Request request)
    {
        if (model is not LlavaSamModel sam)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"{model.Name} ({model.Family}) has no SAM; --point, --box and --mask need a model that has.");
        }

        using SamPredictor predictor = sam.CreateSamPredictor(picture);
        SamPoint[] points = [.. request.Points.Select(Regions.Point)];
        SamBox[] boxes = [.. request.Boxes.Select(text => Regions.Box("--box", text))
            .Select(box => new SamBox(box.X, box.Y, box.X + box.Width, box.Y + box.Height))];
        return predictor.Predict(points, boxes, request.Mask is null ? null : Regions.Mask(request.Mask),
            request.Multimask);
    }

    private static void Print(SegmentationResult result, RgbImage picture, Request request, TextWriter console)
    {
        if (request.Output is not null)
        {
            OverlayMask[] overlays = [.. result.Targets.Select((target, i) =>
                new OverlayMask(target.Mask, Rgb.Distinct(i), target.Phrase))];
            File.WriteAllBytes(request.Output, PictureCodec.EncodePng(MaskOverlay.Draw(picture, overlays)));
        }

        if (request.Json)
        {
            console.WriteLine(JsonSerializer.Serialize(new
            {
                result.Answer,
                result.Notes,
                Masks = result.Targets.Select(target => new
                {
                    target.Phrase,
                    target.Score,
                    Bbox = (int[])[target.Mask.Box.X, target.Mask.Box.Y, target.Mask.Box.Width, target.Mask.Box.Height],
                    Area = target.Mask.Area,
                    Segmentation = new { Size = (int[])[target.Rle.Height, target.Rle.Width], target.Rle.Counts },
                }),
            }, s_json));
            return;
        }

        if (result.Answer.Length > 0)
        {
            console.WriteLine(result.Answer);
        }

        foreach (SegmentedTarget target in result.Targets)
        {
            PixelBox box = target.Mask.Box;
            string score = target.Score.ToString("0.00", System.Globalization.CultureInfo.InvariantCulture);
            string place = $"{box.X},{box.Y},{box.Width},{box.Height}";
            console.WriteLine($"  [{target.Phrase}] {target.Mask.Area} pixels at {place}, score {score}");
        }

        foreach (string note in result.Notes.Concat(result.Targets.Count == 0 ? ["No masks."] : []))
        {
            console.WriteLine($"  {note}");
        }
    }

    private sealed record Request(string Picture, string? Text, string? Question, string[] Points, string[] Boxes,
        string? Mask, bool Multimask, string Model, string? Output, bool Json, int TokensMax, string? Backend);
}
