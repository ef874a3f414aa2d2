using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Drawing;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Text;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Vision;
using PixSearch.Training.Data;

namespace PixSearch.Training.Tests;

/// <summary>
/// A data set of a few pictures of one coloured square each, a tokenizer for its texts, and a model that is small
/// enough to learn them by heart in a second. Removed with <see cref="Dispose"/>.
/// </summary>
internal sealed class TinyWorld : IDisposable
{
    private static readonly (string Name, Rgb Colour)[] s_colours =
    [
        ("red", new Rgb(230, 20, 20)), ("green", new Rgb(20, 200, 20)), ("blue", new Rgb(20, 20, 230)),
        ("white", new Rgb(250, 250, 250)),
    ];

    public TinyWorld()
    {
        Folder = Directory.CreateTempSubdirectory("px-train-").FullName;
        Directory.CreateDirectory(Path.Combine(Folder, "images"));
        var lines = new List<Sample>();
        for (int i = 0; i < s_colours.Length; i++)
        {
            lines.AddRange(MakePicture(i));
        }

        JsonLines.Write(lines, Path.Combine(Folder, "train.jsonl"));
        JsonLines.Write(lines, Path.Combine(Folder, "val.jsonl"));
        var trainer = new BpeTrainer(BpeTrainer.PixSearchTokens);
        foreach (Sample sample in lines)
        {
            trainer.Add(sample.Question);
            trainer.Add(sample.Trajectory);
        }

        TokenizerFile = Path.Combine(Folder, "tokenizer.json");
        File.WriteAllBytes(TokenizerFile, trainer.Train(320).ToTokenizerJson());
        Tokenizer = TokenizerJson.Load(TokenizerFile);
        Config = TinyConfig(Tokenizer.VocabularySize);
    }

    public string Folder { get; }

    public string TokenizerFile { get; }

    public BpeTokenizer Tokenizer { get; }

    public PixSearchConfig Config { get; }

    public static PixSearchConfig TinyConfig(int vocabulary) => new()
    {
        Name = "tiny",
        TextConfig = new LlamaConfig
        {
            HiddenSize = 32,
            NumHiddenLayers = 2,
            NumAttentionHeads = 2,
            IntermediateSize = 48,
            VocabSize = vocabulary,
            MaxPositionEmbeddings = 256,
        },
        VisionConfig = new ClipVisionConfig
        {
            ImageSize = 16, PatchSize = 8, HiddenSize = 16, NumHiddenLayers = 1, NumAttentionHeads = 2,
        },
        SamConfig = new SamConfig
        {
            ImageSize = 32,
            PatchSize = 8,
            EmbedDim = 16,
            Depth = 2,
            NumHeads = 2,
            WindowSize = 2,
            GlobalAttnIndexes = [1],
            OutChans = 16,
            DecoderHeads = 2,
            DecoderMlpDim = 32,
        },
        MmVisionSelectLayer = -1,
        ImageAspectRatio = "pad",
        BioHeads = 2,
        BioFeedForward = 32,
        PoolerHeads = 2,
    };

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private IEnumerable<Sample> MakePicture(int index)
    {
        (string name, Rgb colour) = s_colours[index];
        var picture = new RgbImage(32, 32, new Rgb(90, 90, 90));
        var box = new PixelBox(4 + (4 * index), 8, 12, 12);
        Canvas.Fill(picture, box, colour);
        File.WriteAllBytes(Path.Combine(Folder, "images", $"{index}.png"), PictureCodec.EncodePng(picture));
        var mask = new BinaryMask(32, 32);
        for (int y = box.Y; y < box.Y + box.Height; y++)
        {
            mask.Bits.Slice((y * 32) + box.X, box.Width).Fill(1);
        }

        var entity = new SampleEntity($"c:{name}", name, "square", [box.X, box.Y, box.Width, box.Height],
            new SampleMask([32, 32], RleCodec.Encode(mask).Counts));
        Sample segment = new()
        {
            Id = $"{index}a",
            Scene = $"{index}",
            Split = "train",
            Image = $"images/{index}.png",
            Width = 32,
            Height = 32,
            View = "ego",
            Stage = 1,
            Kind = "segment",
            Question = "Point out the square.",
            Answer = "",
            Variants = [],
            Entities = [entity],
            Target = [0],
            Trajectory = "The square.",
            Spans = [new SampleSpan(0, 10, 0)],
            Searches = [],
        };
        yield return segment;
        yield return segment with
        {
            Id = $"{index}b",
            Stage = 2,
            Kind = "region",
            Question = "Which one?",
            Answer = name,
            Trajectory = "The square<search><region></search>"
                + $"<information>{name}: fact {index}</information> is {name}.",
        };
    }
}
