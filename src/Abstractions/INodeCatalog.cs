namespace PixSearch.Abstractions;

/// <summary>What a node (or cluster) serves: the names that tenants may be allowed, and the bounds that budgets reserve
/// by.</summary>
public interface INodeCatalog
{
    /// <summary>Models, the default first.</summary>
    IReadOnlyList<ServedModel> Models { get; }

    /// <summary>Names of the indexes, the default first; empty when the node searches nothing.</summary>
    IReadOnlyList<string> Indexes { get; }
}

/// <summary>
/// A model as clients see it, with the most that one session can use: the gateway reserves these from a tenant's budget
/// before the session starts, so that no budget is ever passed.
/// </summary>
/// <param name="Name">Its name.</param>
/// <param name="ContextTokens">Prompt, image, answer and evidence together never take more.</param>
/// <param name="ImageTokensMax">Image slots of one picture.</param>
/// <param name="SearchesMax">Searches of a session that sets no budget of its own.</param>
/// <param name="MasksMax">Masks of a session.</param>
public sealed record ServedModel(string Name, int ContextTokens, int ImageTokensMax, int SearchesMax, int MasksMax);
