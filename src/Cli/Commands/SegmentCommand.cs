using System.CommandLine;
using PixSearch.Abstractions;
using PixSearch.Cli.Asking;
using PixSearch.Cli.Segmenting;
using PixSearch.Imaging;
using PixSearch.Models;
using PixSearch.Models.Checkpoints.Published;
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
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var picture = new Argument<string>("PICTURE") { Description = "A JPEG, PNG or WebP file." };
        var text = new Argument<string?>("TEXT")
        {
            Description = "What to segment: \"the flag on the left and the apple\".",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var question = new Option<string?>("--question")
        {
            Description = "The whole question, instead of TEXT in the family's wording.",
        };
        var points = new Option<string[]>("--point")
        {
            Description = "x,y in pixels, or x,y,0 for a point outside (SAM).",
        };
        var boxes = new Option<string[]>("--box") { Description = "x,y,width,height in pixels (SAM)." };
        var mask = new Option<string?>("--mask") { Description = "A rough mask: a picture, white inside (SAM)." };
        var multi = new Option<bool>("--multimask") { Description = "Three masks of different extent (SAM)." };
        var model = new Option<string>("--model")
        {
            Description = "Folder of the model, or its name under models/; for points, boxes and masks also a file of "
                + "SAM (sam_vit_b_01ec64.pth).",
            DefaultValueFactory = _ => ModelFolders.Model,
        };
        var output = new Option<string?>("--out") { Description = "Write the picture with its masks here (PNG)." };
        var folder = new Option<string?>("--masks")
        {
            Description = "Write each mask here, white on black (mask-1.png, ...).",
        };
        var json = new Option<bool>("--json") { Description = "Print masks as COCO run lengths, boxes and scores." };
        var tokens = new Option<int>("--max-tokens")
        {
            Description = "Longest answer.",
            DefaultValueFactory = _ => 128,
        };
        Option<string> weights = WeightsChoice.Option();
        Option<string> backend = BackendChoice.Option();
        var command = new Command("segment", "Masks of what a text, a point, a box or a mask refers to.")
        {
            picture, text, question, points, boxes, mask, multi, model, output, folder, json, tokens, weights, backend,
        };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(
            new SegmentRequest
            {
                Picture = parsed.GetValue(picture)!,
                Text = parsed.GetValue(text),
                Question = parsed.GetValue(question),
                Points = parsed.GetValue(points) ?? [],
                Boxes = parsed.GetValue(boxes) ?? [],
                Mask = parsed.GetValue(mask),
                Multimask = parsed.GetValue(multi),
                Model = parsed.GetValue(model)!,
                TokensMax = parsed.GetValue(tokens),
                Weights = WeightsChoice.Parse(parsed.GetValue(weights)),
                Backend = parsed.GetValue(backend),
            },
            new SegmentPrinter(parsed.InvocationConfiguration.Output, parsed.GetValue(json), parsed.GetValue(output),
                parsed.GetValue(folder)),
            cancellation)));
        return command;
    }

    private static int Run(SegmentRequest request, SegmentPrinter printer, CancellationToken cancellation)
    {
        bool hasText = request.Text is not null || request.Question is not null;
        if (request.HasPrompts == hasText)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                "Give either TEXT (or --question), or --point, --box, --mask.");
        }

        if (request.Text is not null && request.Question is not null)
        {
            throw new PixException(PixErrorKind.InvalidArgument, "Give TEXT or --question, not both.");
        }

        if (hasText && string.IsNullOrWhiteSpace(request.Text ?? request.Question))
        {
            throw new PixException(PixErrorKind.InvalidArgument, "TEXT (or --question) is empty: say what to segment.");
        }

        if (request.TokensMax is < 1 or > 100_000)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"--max-tokens is {request.TokensMax}; it must be 1 to 100000.");
        }

        RgbImage picture = PictureCodec.DecodeFile(request.Picture);
        using IBackend backend = BackendChoice.Create(request.Backend);
        SegmentationResult result = hasText
            ? Answered(backend, picture, request, cancellation)
            : new SegmentationResult("", Prompted(backend, picture, request), []);
        printer.Print(result, picture);
        return 0;
    }

    private static SegmentationResult Answered(IBackend backend, RgbImage picture, SegmentRequest request,
        CancellationToken cancellation)
    {
        string folder = AskSetup.FolderOf("model", request.Model);
        using ISegmentingModel model = ModelFolder.Load(backend, folder, request.Weights);
        return TextSegmenter.Segment(model, picture,
            request.Question ?? TextSegmenter.Question(model.Family, request.Text!), request.TokensMax, cancellation);
    }

    // Only the SAM of a model is loaded: a prompt needs no language model.
    private static IReadOnlyList<SegmentedTarget> Prompted(IBackend backend, RgbImage picture, SegmentRequest request)
    {
        SamPoint[] points = [.. request.Points.Select(Regions.Point)];
        SamBox[] boxes = [.. request.Boxes.Select(text => Regions.Box("--box", text))
            .Select(box => new SamBox(box.X, box.Y, box.X + box.Width, box.Y + box.Height))];
        string path = File.Exists(request.Model) ? request.Model : AskSetup.FolderOf("model", request.Model);
        using PublishedCheckpoint checkpoint = PublishedCheckpoint.Open(path);
        using SamModel sam = SamModel.Load(backend, checkpoint, request.Weights);
        using SamPredictor predictor = sam.CreatePredictor(picture);
        return predictor.Predict(points, boxes, request.Mask is null ? null : Regions.Mask(request.Mask),
            request.Multimask);
    }

    private sealed record SegmentRequest
    {
        public required string Picture { get; init; }

        public string? Text { get; init; }

        public string? Question { get; init; }

        public required string[] Points { get; init; }

        public required string[] Boxes { get; init; }

        public string? Mask { get; init; }

        public bool Multimask { get; init; }

        public required string Model { get; init; }

        public int TokensMax { get; init; }

        public WeightType? Weights { get; init; }

        public string? Backend { get; init; }

        public bool HasPrompts => Points.Length + Boxes.Length > 0 || Mask is not null;
    }
}
