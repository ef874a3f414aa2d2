using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Drawing;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Plum;
using PixSearch.Models.Sam;
using PixSearch.Models.Text;
using PixSearch.Models.Tokenizers;
using PixSearch.Models.Vision;

namespace PixSearch.Training.Tests;

/// <summary>
/// A data set of a few pictures of one coloured square each, a tokenizer for its texts, and a model that is small enough to learn
/// them by heart in a second. Removed with <see cref="Dispose"/>.
/// </summary>
internal sealed class TinyWorld : IDisposable
{
    private static readonly (string Name, Rgb Colour)[] s_colours =
        [("red", new Rgb(230, 20, 20)), ("green", new Rgb(20, 200, 20)), ("blue", new Rgb(20, 20, 230)), ("white", new Rgb(250, 250, 250))];

    public TinyWorld()
    {
        Folder = Directory.CreateTempSubdirectory("px-train-").FullName;
        Directory.CreateDirectory(Path.Combine(Folder, "images"));
        var lines = new List<string>();
        for (int i = 0; i < s_colours.Length; i++)
        {
            lines.AddRange(MakePicture(i));
        }

        File.WriteAllLines(Path.Combine(Folder, "train.jsonl"), lines);
        File.WriteAllLines(Path.Combine(Folder, "val.jsonl"), lines);
        var trainer = new BpeTrainer(BpeTrainer.PixSearchTokens);
        foreach (string line in lines)
        {
            trainer.Add(line);
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
            ImageSize = 32, PatchSize = 8, EmbedDim = 16, Depth = 2, NumHeads = 2, WindowSize = 2, GlobalAttnIndexes = [1],
            OutChans = 16, DecoderHeads = 2, DecoderMlpDim = 32,
        },
        MmVisionSelectLayer = -1,
        ImageAspectRatio = "pad",
        BioHeads = 2,
        BioFeedForward = 32,
        PoolerHeads = 2,
    };

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private IEnumerable<string> MakePicture(int index)
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

        string counts = RleCodec.Encode(mask).Counts.Replace("\\", "\\\\", StringComparison.Ordinal);
        string entity = $$"""{"id":"c:{{name}}","name":"{{name}}","label":"square","bbox":[{{box.X}},8,12,12],"mask":{"size":[32,32],"counts":"{{counts}}"} }""";
        const string Common = "\"view\":\"ego\",\"width\":32,\"height\":32,\"split\":\"train\",\"variants\":[],\"target\":[0],\"searches\":[]";
        yield return $$"""
            {"id":"{{index}}a","scene":"{{index}}","image":"images/{{index}}.png","stage":1,"kind":"segment",{{Common}},"answer":"","question":"Point out the square.",
            "entities":[{{entity}}],"trajectory":"The square.","spans":[{"start":0,"end":10,"entity":0}]}
            """.ReplaceLineEndings("");
        yield return $$"""
            {"id":"{{index}}b","scene":"{{index}}","image":"images/{{index}}.png","stage":2,"kind":"region",{{Common}},"answer":"{{name}}","question":"Which one?",
            "entities":[{{entity}}],"trajectory":"The square<search><region></search><information>{{name}}: fact {{index}}</information> is {{name}}.",
            "spans":[{"start":0,"end":10,"entity":0}]}
            """.ReplaceLineEndings("");
    }
}
