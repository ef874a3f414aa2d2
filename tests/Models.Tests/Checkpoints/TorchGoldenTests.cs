using System.Text.Json;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;

namespace PixSearch.Models.Tests.Checkpoints;

// Goal: files that PyTorch 1.13.1 itself saved (golden/make-torch-goldens.py) give the numbers that it shows.
public sealed class TorchGoldenTests
{
    [Theory]
    [InlineData("torch-protocol2.pth", "plain")]
    [InlineData("torch-protocol3.pth", "plain")]
    [InlineData("torch-protocol4.pth", "plain")]
    [InlineData("torch-protocol5.pth", "plain")]
    [InlineData("torch-wrapped.pth", "wrapped")]
    public void Open_FileOfPyTorch_GivesItsNumbers(string name, string expected)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Golden.Path("torch-expected.json")));
        using var file = new TorchFile(Golden.Path(name));
        JsonElement tensors = document.RootElement.GetProperty(expected);

        Assert.Equal(tensors.EnumerateObject().Select(tensor => tensor.Name).Order(), file.Tensors.Keys.Order());
        foreach (JsonProperty tensor in tensors.EnumerateObject())
        {
            Assert.Equal(tensor.Value[0].EnumerateArray().Select(size => size.GetInt32()),
                file.Tensors[tensor.Name].Shape.ToArray());
            Assert.Equal(tensor.Value[1].EnumerateArray().Select(value => value.GetSingle()),
                file.ReadF32(tensor.Name));
        }
    }

    [Fact]
    public void Open_PickledModule_IsRefusedByItsClass()
    {
        PixException error = Assert.Throws<PixException>(() => new TorchFile(Golden.Path("torch-module.pth")));
        Assert.Contains("'torch.nn.modules.container.Sequential'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadI64_IntegersOfPyTorch_AreExact()
    {
        using var file = new TorchFile(Golden.Path("torch-protocol2.pth"));
        Assert.Equal([-200, 1L << 40, 0], file.ReadI64("long"));
        Assert.Equal([1, 0], file.ReadI64("bool"));
        Assert.Throws<PixException>(() => file.ReadI64("whole"));
    }
}
