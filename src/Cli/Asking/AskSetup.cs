using System.CommandLine;
using PixSearch.Abstractions;
using PixSearch.Inference.Engine;
using PixSearch.Node;

namespace PixSearch.Cli.Asking;

/// <summary>The options that say which model and index answer, shared by the commands that ask.</summary>
internal sealed class AskSetup
{
    private const string DefaultModel = "pixsearch-nano";
    private const string DefaultEncoder = "retriever-nano";

    /// <summary>Model folder or name.</summary>
    public Option<string> Model { get; } = new("--model")
    {
        Description = "Folder of the model, or its name under models/.",
        DefaultValueFactory = _ => DefaultModel,
    };

    /// <summary>Index folders.</summary>
    public Option<string[]> Index { get; } = new("--index")
    {
        Description = "Folder of an index (px index build); several may be given, the first is the default.",
    };

    /// <summary>Encoder folder or name.</summary>
    public Option<string> Encoder { get; } = new("--encoder")
    {
        Description = "Folder of the index encoder, or its name under models/.",
        DefaultValueFactory = _ => DefaultEncoder,
    };

    /// <summary>Where to compute.</summary>
    public Option<string> Backend { get; } = BackendChoice.Option();

    /// <summary>How matrices are held.</summary>
    public Option<string> Weights { get; } = WeightsChoice.Option();

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(Model);
        command.Add(Index);
        command.Add(Encoder);
        command.Add(Backend);
        command.Add(Weights);
    }

    /// <summary>Opens the node that the parsed options describe.</summary>
    public Task<NodeAssembly> OpenAsync(ParseResult parsed, int contexts, EngineOptions? engine = null,
        string? index = null, string sessions = "", TimeSpan? kept = null)
    {
        string[] indexes = index is null ? parsed.GetValue(Index) ?? [] : [index];
        foreach (string folder in indexes)
        {
            if (!Directory.Exists(folder))
            {
                throw new PixException(PixErrorKind.NotFound,
                    $"There is no index folder '{folder}': build one with 'px index build KB --out {folder}'.");
            }
        }

        string? backend = parsed.GetValue(Backend);
        return NodeAssembly.OpenAsync(new NodeSetup
        {
            Models = [FolderOf("model", parsed.GetValue(Model)!)],
            Indexes = indexes,
            Encoder = indexes.Length == 0 ? "" : FolderOf("index encoder", parsed.GetValue(Encoder)!),
            Backend = () => BackendChoice.Create(backend),
            Weights = WeightsChoice.Parse(parsed.GetValue(Weights)),
            Sessions = sessions,
            ContextsMin = contexts,
            Options = new NodeOptions
            {
                Engine = engine ?? new EngineOptions(),
                StoreRetention = kept ?? new NodeOptions().StoreRetention,
            },
        });
    }

    /// <summary>A folder by path, or by its name under models/.</summary>
    public static string FolderOf(string what, string name)
    {
        string known = Path.Combine("models", name);
        string? folder = Directory.Exists(name) ? name : Directory.Exists(known) ? known : null;
        if (folder is not null)
        {
            return folder;
        }

        string names = Directory.Exists("models")
            ? string.Join(", ", Directory.EnumerateDirectories("models").Select(Path.GetFileName).Order())
            : "none";
        throw new PixException(PixErrorKind.NotFound,
            $"There is no {what} '{name}': neither a folder of that path nor one under models/ (there: {names}).");
    }
}
