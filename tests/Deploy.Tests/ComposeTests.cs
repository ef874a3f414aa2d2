using System.Text.Json;
using System.Text.RegularExpressions;

namespace PixSearch.Deploy.Tests;

/// <summary>Goal: the compose file and what it mounts agree; no Docker engine is needed to know.</summary>
public sealed partial class ComposeTests
{
    private static readonly Node s_compose = Manifests.Read("docker-compose.yml").Single();

    [Fact]
    public void Compose_MountedFiles_Exist()
    {
        string[] sources =
        [
            .. s_compose["services"].Entries.SelectMany(service => service.Value["volumes"].Items)
                .Select(volume => volume.Text.Split(':')[0]).Where(source => source.StartsWith("./",
                    StringComparison.Ordinal)),
        ];
        Assert.NotEmpty(sources);
        Assert.All(sources, source => Assert.True(File.Exists(Path.Combine(Manifests.Root, source)), source));
    }

    [Fact]
    public void Compose_ServicesReferredTo_Exist()
    {
        string[] names = [.. s_compose["services"].Entries.Select(service => service.Key)];
        IEnumerable<string> wanted = s_compose["services"].Entries
            .SelectMany(service => service.Value["depends_on"].Entries.Select(entry => entry.Key));
        Assert.Empty(wanted.Except(names));
        Node prometheus = Manifests.Read("deploy/observability/prometheus.yaml").Single();
        IEnumerable<string> targets = prometheus["scrape_configs"].Items
            .SelectMany(job => job["static_configs"].Items).SelectMany(group => group["targets"].Items)
            .Select(target => target.Text.Split(':')[0]);
        Assert.Empty(targets.Except(names));
    }

    [Fact]
    public void Compose_Images_ArePinned()
    {
        string[] images = [.. s_compose["services"].Entries.Select(service => service.Value["image"].Text)];
        Assert.Equal(8, images.Length);
        Assert.All(images, image => Assert.Matches(PinnedImage(), image));
    }

    [Fact]
    public void Compose_Nodes_AreReadOnlyAndUnprivileged()
    {
        foreach (string name in (string[])["silo-1", "silo-2", "gateway", "database-schema"])
        {
            Node service = s_compose["services"][name];
            Assert.Equal("True", service["read_only"].Text, ignoreCase: true);
            Assert.Equal("ALL", service["cap_drop"].Items.Single().Text);
        }
    }

    [Fact]
    public void Compose_Silos_AdvertiseTheNameOfTheirContainer()
    {
        foreach (string name in (string[])["silo-1", "silo-2"])
        {
            Node environment = s_compose["services"][name]["environment"];
            Assert.Equal(name, environment["PIXSEARCH__ADVERTISEDADDRESS"].Text);
            Assert.Equal("compose", environment["PIXSEARCH__CLUSTERID"].Text);
        }
    }

    [Fact]
    public void Dockerfile_FinalStage_RunsAsNobodySpecialOnTheCodesPorts()
    {
        string text = File.ReadAllText(Path.Combine(Manifests.Root, "Dockerfile"));
        Assert.Contains("USER 10001:10001", text);
        Assert.Contains($"EXPOSE {Abstractions.ServiceEndpoints.HttpPort} {Abstractions.ServiceEndpoints.GrpcPort} "
            + $"{Abstractions.ServiceEndpoints.SiloPort} {Abstractions.ServiceEndpoints.SiloGatewayPort}", text);
        Assert.DoesNotContain(":latest", text);
    }

    [Fact]
    public void Dockerfile_Images_AreOnesThatDotNetShips()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Manifests.Root, "Dockerfile"));
        string[] images = [.. lines.SelectMany(line => line.Split(' ', '=')).Where(word => word.Contains("/dotnet/"))
            .Where(word => word.StartsWith("mcr.", StringComparison.Ordinal))];
        Assert.Equal(3, images.Length);

        // From .NET 10 on there are images of Ubuntu, Alpine and Azure Linux, and none of Debian.
        Assert.All(images,
            image => Assert.Matches(@"^mcr\.microsoft\.com/dotnet/(sdk|aspnet):10\.0\.\d+-noble$", image));
        IEnumerable<string> copied = lines.Where(line => line.StartsWith("COPY ", StringComparison.Ordinal))
            .Where(line => !line.Contains("--from=", StringComparison.Ordinal))
            .SelectMany(line => line.Split(' ')[1..^1]);
        Assert.All(copied, source => Assert.True(Path.Exists(Path.Combine(Manifests.Root, source)), source));
    }

    [Fact]
    public void Board_Json_HasPanelsWithQueries()
    {
        string path = Path.Combine(Manifests.Root, "deploy/observability/pixsearch-board.json");
        using JsonDocument board = JsonDocument.Parse(File.ReadAllText(path));
        JsonElement panels = board.RootElement.GetProperty("panels");
        Assert.Equal(10, panels.GetArrayLength());
        Assert.All(panels.EnumerateArray(), panel =>
            Assert.NotEqual("", panel.GetProperty("targets")[0].GetProperty("expr").GetString()));
    }

    [GeneratedRegex(@"^[\w./-]+:v?\d+\.\d+[\w.-]*$")]
    private static partial Regex PinnedImage();
}
