namespace PixSearch.Inference.Placement;

/// <summary>What one engine holds and how busy it is, as it was published.</summary>
/// <param name="Engine">Its name in the cluster.</param>
/// <param name="Models">Names of the models that are loaded.</param>
/// <param name="PagesFree">Free pages of the key/value store.</param>
/// <param name="PagesTotal">All pages, at least 1.</param>
/// <param name="CostQueued">Cost of what waits and runs, in token units.</param>
/// <param name="Pictures">Hashes of pictures whose encoding is cached.</param>
/// <param name="Draining">Takes no new session.</param>
public sealed record EngineLoad(string Engine, IReadOnlySet<string> Models, int PagesFree, int PagesTotal,
    double CostQueued, IReadOnlySet<string> Pictures, bool Draining);

/// <summary>What a session wants of an engine.</summary>
/// <param name="Model">Model that must be loaded; empty for any.</param>
/// <param name="Picture">Hash of the picture; empty for none.</param>
/// <param name="CostEstimate">Cost of the whole session in token units.</param>
/// <param name="CostPicture">Part of it that a cached picture saves.</param>
public readonly record struct EngineWish(string Model, string Picture, double CostEstimate, double CostPicture);
