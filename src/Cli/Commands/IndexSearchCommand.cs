using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Retrieval;
using PixSearch.Tensors;
using Spectre.Console;

namespace PixSearch.Cli.Commands;

/// <summary><c>px index search</c>: asks an index with words, with a picture, or with a box of a picture.</summary>
internal static class IndexSearchCommand
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var index = new Argument<string>("INDEX") { Description = "Folder of the index." };
        var text = new Argument<string?>("TEXT")
        {
            Description = "Words to search for.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var picture = new Option<string?>("--picture")
        {
            Description = "Search with this picture (JPEG, PNG or WebP).",
        };
        var box = new Option<string?>("--box")
        {
            Description = "Search with this part of the picture: x,y,width,height in pixels.",
        };
        var top = new Option<int>("--top") { Description = "Most hits.", DefaultValueFactory = _ => 5 };
        var model = new Option<string>("--model")
        {
            Description = "Folder of the index encoder.",
            DefaultValueFactory = _ => ModelFolders.Encoder,
        };
        var json = new Option<bool>("--json") { Description = "Print the hits as JSON." };
        Option<string> backend = BackendChoice.Option();
        var command = new Command("search", "Search an index.") { index, text, picture, box, top, model, json,
            backend };
        command.SetAction(async (parsed, cancellation) =>
        {
            string? file = parsed.GetValue(picture);
            RetrievalQuery query = CreateQuery(parsed.GetValue(text), file, parsed.GetValue(box), parsed.GetValue(top));
            using IBackend? engine = file is null ? null : BackendChoice.Create(parsed.GetValue(backend));
            using ClipRegionEncoder? encoder = engine is null ? null
                : ClipRegionEncoder.Load(engine, parsed.GetValue(model)!);
            using var retriever = IndexRetriever.Open(parsed.GetValue(index)!, encoder);
            RetrievalResult result = await retriever.SearchAsync(query, cancellation).ConfigureAwait(false);
            Print(result, parsed.GetValue(json), parsed.InvocationConfiguration.Output);
            return 0;
        });
        return command;
    }

    private static RetrievalQuery CreateQuery(string? text, string? file, string? box, int top)
    {
        if ((text is null) == (file is null))
        {
            throw new PixException(PixErrorKind.InvalidArgument, "Give either words or --picture FILE.");
        }

        if (file is null)
        {
            return box is null
                ? new RetrievalQuery("", SearchModality.Text, text!, null, top)
                : throw new PixException(PixErrorKind.InvalidArgument, "--box needs --picture FILE.");
        }

        RgbImage image = PictureCodec.DecodeFile(file);
        if (box is null)
        {
            return new RetrievalQuery("", SearchModality.Image, "", image.ToPort(), top);
        }

        RgbImage crop = ImageOps.Crop(image, ParseBox(box, image.Width, image.Height));
        return new RetrievalQuery("", SearchModality.Region, "", crop.ToPort(), top);
    }

    private static PixelBox ParseBox(string text, int width, int height)
    {
        string[] parts = text.Split(',');
        var numbers = new int[4];
        bool valid = parts.Length == 4;
        for (int i = 0; valid && i < 4; i++)
        {
            valid = int.TryParse(parts[i], NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
                CultureInfo.InvariantCulture, out numbers[i]);
        }

        valid = valid && numbers[2] > 0 && numbers[3] > 0 && (long)numbers[0] + numbers[2] <= width &&
            (long)numbers[1] + numbers[3] <= height;
        return valid
            ? new PixelBox(numbers[0], numbers[1], numbers[2], numbers[3])
            : throw new PixException(PixErrorKind.InvalidArgument,
                $"--box is '{text}'; it must be x,y,width,height inside the picture of {width}x{height} pixels.");
    }

    private static void Print(RetrievalResult result, bool json, TextWriter output)
    {
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(result, s_json));
            return;
        }

        if (result.Partial)
        {
            output.WriteLine("The search failed or took too long; hits may be missing.");
        }

        if (result.Hits.Count == 0)
        {
            output.WriteLine("nothing found");
            return;
        }

        var table = new Table().Border(TableBorder.Rounded);
        table.AddColumns("score", "document", "title", "text");
        foreach (EvidenceHit hit in result.Hits)
        {
            string text = hit.Snippet.Length > 160 ? $"{hit.Snippet[..160]}…" : hit.Snippet;
            table.AddRow(hit.Score.ToString("G3", CultureInfo.InvariantCulture), Markup.Escape(hit.DocumentId),
                Markup.Escape(hit.Title), Markup.Escape(text));
        }

        CliConsole.For(output).Write(table);
    }
}
