using PixSearch.Models.Checkpoints;
using PixSearch.Models.Parity;

namespace PixSearch.Torch.Tests;

// Every file of reference tensors: whole models on TorchSharp, against the numbers of the authors' code.
public sealed class FixtureTests
{
    public static TheoryData<string> Files() =>
        new(Directory.EnumerateFiles(Path.Combine(Checkout.Root, "tests", "fixtures"), "*.safetensors")
            .Select(file => Path.GetFileName(file)!));

    [ConformanceTheory]
    [MemberData(nameof(Files))]
    public void ReferenceTensors_OnTorch_AreReproduced(string file)
    {
        foreach (string name in BackendsUnderTest.Names)
        {
            using IGradientBackend backend = BackendsUnderTest.Create(name);
            using (var source = new SafetensorsFile(Path.Combine(Checkout.Root, "tests", "fixtures", file)))
            {
                ParityReport report = ParityChecker.Check(backend, source);
                Assert.NotEmpty(report.Results);
                Assert.All(report.Results, result => Assert.InRange(result.Error, 0, ParityReport.Tolerance));
            }

            Assert.Equal(0, BackendsUnderTest.Outstanding(backend));
        }
    }
}
