using PixSearch.Imaging;
using PixSearch.Models.Tests.Checkpoints;
using PixSearch.Models.Tests.Families;

namespace PixSearch.Cli.Segmenting;

/// <summary>Random models of several families as their authors save them, pictures, and files that are none.</summary>
public sealed class PublishedModels : IDisposable
{
    public PublishedModels()
    {
        Root = Directory.CreateTempSubdirectory("published-").FullName;
        string[] layouts = ["pixel-sail-pth", "pixellm-torch-shards", "llava-torch-shards", "lisa-torch"];
        foreach (string layout in layouts)
        {
            PublishedFolders.Write(layout, In(layout));
        }

        File.WriteAllBytes(In("sam.pth"), RandomCheckpoint.SamAlone().ToTorch(RandomCheckpoint.SamNameOf));
        Draw("picture.png", TinyModels.Picture(48, 32, 5));
        Draw("one.png", TinyModels.Picture(1, 1, 5));
        Draw("line.png", TinyModels.Picture(3000, 1, 5));
        Draw("white.png", Plain(48, 32, byte.MaxValue));
        Draw("black.png", Plain(48, 32, 0));
        Draw("white-small.png", Plain(20, 20, byte.MaxValue));
        File.WriteAllText(In("text.png"), "no picture");
    }

    /// <summary>Everything lies below.</summary>
    public string Root { get; }

    /// <summary>A path below the root.</summary>
    public string In(string name) => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private void Draw(string name, RgbImage image) => File.WriteAllBytes(In(name), PictureCodec.EncodePng(image));

    private static RgbImage Plain(int width, int height, byte value) =>
        new(width, height, [.. Enumerable.Repeat(value, 3 * width * height)]);
}
