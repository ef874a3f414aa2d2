using System.Buffers.Binary;
using System.Text.Json.Nodes;
using PixSearch.Abstractions;
using PixSearch.Models.Checkpoints;
using PixSearch.Models.Parity;
using PixSearch.Models.Tests.Checkpoints;
using PixSearch.Tensors;

namespace PixSearch.Models.Tests.Parity;

// Goal: a file of reference tensors that says anything in its metadata is compared or refused, never else.
public sealed class HostileFixtureTests : IDisposable
{
    private static readonly string[] s_values =
    [
        "", "x", "-1", "0", "1", "3", "2147483647", "99999999999", "1e300", "NaN", "[]", "[-1]", "[2147483647]", "{}",
        "null", "true", "llama", "sam", "pixel-sail",
    ];

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Files() => new(Directory
        .EnumerateFiles(Path.Combine(Repository.Root, "tests", "fixtures"), "*.safetensors").Select(file =>
            Path.GetFileName(file)));

    [Theory]
    [MemberData(nameof(Files))]
    public void Check_MetadataOfAnyValue_ComparesOrIsRefused(string name)
    {
        byte[] sound = File.ReadAllBytes(Repository.Fixture(name));
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(sound);
        byte[] data = sound[(8 + length)..];
        string header = System.Text.Encoding.UTF8.GetString(sound, 8, length);
        using var backend = new CpuBackend();
        var faults = new List<string>();
        int refused = 0;
        string[] keys = [.. JsonNode.Parse(header)!["__metadata__"]!.AsObject().Select(pair => pair.Key)];
        foreach (string key in keys)
        {
            foreach (string value in s_values)
            {
                JsonNode root = JsonNode.Parse(header)!;
                root["__metadata__"]![key] = value;
                string path = Write(root, data);
                try
                {
                    using var source = new SafetensorsFile(path);
                    ParityChecker.Check(backend, source);
                }
                catch (PixException)
                {
                    refused++;
                }
                catch (Exception error)
                {
                    faults.Add($"{key} = '{value}': {error}");
                }
            }
        }

        Assert.Empty(faults);
        Assert.InRange(refused, keys.Length, keys.Length * s_values.Length);
    }

    public void Dispose() => _folder.Dispose();

    private string Write(JsonNode header, byte[] data)
    {
        byte[] json = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString());
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        return _folder.Write("a.safetensors", [.. length, .. json, .. data]);
    }
}
