using System.Diagnostics;
using System.Runtime.CompilerServices;
using YamlDotNet.Serialization;

namespace PixSearch.Deploy.Tests;

/// <summary>Reads YAML as plain dictionaries and lists, and walks it by path.</summary>
internal static class Manifests
{
    private static readonly IDeserializer s_reader = new DeserializerBuilder()
        .WithAttemptingUnquotedStringTypeDeserialization().Build();

    /// <summary>The checkout.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>True where <c>kubectl</c> can render; CI installs none.</summary>
    public static bool HasKubectl { get; } = Environment.GetEnvironmentVariable("PATH")!.Split(':')
        .Any(folder => File.Exists(Path.Combine(folder, "kubectl")));

    /// <summary>All documents of a file.</summary>
    public static List<Node> Read(string path) => Parse(File.ReadAllText(Path.Combine(Root, path)));

    /// <summary>All documents of a text.</summary>
    public static List<Node> Parse(string text)
    {
        var parser = new YamlDotNet.Core.MergingParser(new YamlDotNet.Core.Parser(new StringReader(text)));
        parser.MoveNext();
        var documents = new List<Node>();
        while (parser.Current is not null and not YamlDotNet.Core.Events.StreamEnd)
        {
            if (parser.Current is YamlDotNet.Core.Events.StreamStart)
            {
                parser.MoveNext();
                continue;
            }

            documents.Add(new Node(s_reader.Deserialize(parser)));
        }

        return documents;
    }

    /// <summary>The rendered overlay: by kubectl.</summary>
    public static List<Node> Render(string overlay)
    {
        var start = new ProcessStartInfo("kubectl", ["kustomize", Path.Combine(Root, overlay)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
        return Parse(output);
    }

    /// <summary>
    /// The files of an overlay and its base, unpatched; what can be checked without kubectl.
    /// </summary>
    public static List<Node> Collect(string overlay)
    {
        Node kustomization = Read(Path.Combine(overlay, "kustomization.yaml")).Single();
        var all = new List<Node>();
        foreach (string resource in kustomization["resources"].Items.Select(item => item.Text))
        {
            string path = Path.GetRelativePath(Root, Path.GetFullPath(Path.Combine(Root, overlay, resource)));
            all.AddRange(Directory.Exists(Path.Combine(Root, path)) ? Collect(path) : Read(path));
        }

        return all;
    }

    private static string FindRoot([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", ".."));
}

/// <summary>A YAML value; missing keys give an empty node, so that a path can be asked for in one expression.</summary>
internal readonly record struct Node(object? Value)
{
    public string Text => Value?.ToString() ?? "";

    public bool Exists => Value is not null;

    public IEnumerable<Node> Items => Value is List<object> list ? list.Select(item => new Node(item)) : [];

    public IEnumerable<KeyValuePair<string, Node>> Entries => Value is Dictionary<object, object> map
        ? map.Select(pair => KeyValuePair.Create(pair.Key.ToString()!, new Node(pair.Value)))
        : [];

    public string Kind => this["kind"].Text;

    public string Name => this["metadata"]["name"].Text;

    public Node this[string key] => Value is Dictionary<object, object> map && map.TryGetValue(key, out object? value)
        ? new Node(value)
        : default;

    /// <summary>Every node below this one, itself included.</summary>
    public IEnumerable<Node> Descendants()
    {
        yield return this;
        foreach (Node child in Items.Concat(Entries.Select(entry => entry.Value)))
        {
            foreach (Node below in child.Descendants())
            {
                yield return below;
            }
        }
    }
}
