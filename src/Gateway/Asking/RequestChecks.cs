using System.Text;
using PixSearch.Abstractions;
using PixSearch.Gateway.Tenants;
using PixSearch.Imaging;

namespace PixSearch.Gateway.Asking;

/// <summary>What is checked before a request costs anything, for all endpoints alike.</summary>
internal sealed class RequestChecks(INodeCatalog catalog, GatewayLimits limits)
{
    // Template words and control tokens that a prompt has beside the question.
    private const int TemplateTokensMax = 128;

    /// <summary>The model that a name means; refuses unknown names and those that the tenant may not use.</summary>
    internal ServedModel Model(Tenant tenant, string name)
    {
        ServedModel model = name.Length == 0
            ? catalog.Models[0]
            : catalog.Models.FirstOrDefault(one => one.Name == name) ??
                throw new PixException(PixErrorKind.NotFound,
                    $"There is no model '{Clip(name)}'; served: {string.Join(", ", Allowed(tenant))}.");
        return TenantRules.Allows(tenant.Rules.Models, model.Name)
            ? model
            : throw new PixException(PixErrorKind.PermissionDenied,
                $"The API key may not use the model '{model.Name}'.");
    }

    /// <summary>The index that a name means; empty when the node has none and none was asked for.</summary>
    internal string Index(Tenant tenant, string name)
    {
        string index = name.Length == 0 ? catalog.Indexes.FirstOrDefault() ?? "" : name;
        if (index.Length == 0)
        {
            return "";
        }

        if (!catalog.Indexes.Contains(index))
        {
            throw new PixException(PixErrorKind.NotFound, $"There is no index '{Clip(index)}'.");
        }

        return TenantRules.Allows(tenant.Rules.Indexes, index)
            ? index
            : throw new PixException(PixErrorKind.PermissionDenied, $"The API key may not use the index '{index}'.");
    }

    /// <summary>Checks size and header of a picture without decoding it.</summary>
    internal void Picture(ReadOnlyMemory<byte> picture)
    {
        if (picture.Length > limits.PictureBytesMax)
        {
            throw new PixException(PixErrorKind.InvalidPicture,
                $"The picture has {picture.Length} bytes; the limit is {limits.PictureBytesMax} (PictureBytesMax).");
        }

        PictureCodec.ReadHeader(picture.Span);
    }

    /// <summary>Checks text and numbers of a question.</summary>
    internal void Question(Tenant tenant, AskCommand command)
    {
        if (string.IsNullOrWhiteSpace(command.Question))
        {
            throw new PixException(PixErrorKind.InvalidArgument, "The question is empty.");
        }

        SamplingOptions sampling = command.Sampling;
        Range("length of the question", command.Question.Length, 1, limits.QuestionCharactersMax);
        Range("temperature", sampling.Temperature, 0, 2);
        Range("top_p", sampling.TopP, 1e-6, 1);
        Range("top_k", sampling.TopK, 0, 1_000_000);
        Range("max_tokens", sampling.MaxTokens, 1, limits.MaxTokensMax);
        Range("search_budget", command.SearchBudget ?? 0, 0, 32);
        Range("priority", command.Priority, -tenant.Rules.PriorityMax, tenant.Rules.PriorityMax);
        Range("number of stop strings", sampling.Stop.Count, 0, 4);
        foreach (string stop in sampling.Stop)
        {
            Range("length of a stop string", stop.Length, 1, 64);
        }
    }

    /// <summary>
    /// The most tokens that a question can use. A byte-level vocabulary never makes more tokens than bytes; evidence
    /// has no bound of its own here, so a session that may search is bounded by the context alone.
    /// </summary>
    internal static long TokensMax(ServedModel model, AskCommand command)
    {
        bool searches = command.Mode != SearchMode.None && (command.SearchBudget ?? model.SearchesMax) > 0;
        if (searches)
        {
            return model.ContextTokens;
        }

        long sum = Encoding.UTF8.GetByteCount(command.Question) + TemplateTokensMax + (long)command.Sampling.MaxTokens;
        sum += command.Picture.IsNone ? 0 : model.ImageTokensMax;
        return Math.Min(sum, model.ContextTokens);
    }

    /// <summary>The most tokens that masks without a session can use: a short answer about the picture per
    /// phrase.</summary>
    internal static long TokensMax(ServedModel model, SegmentRequest request)
    {
        long phrases = request.Phrases.Sum(phrase =>
            Math.Min(model.ContextTokens, model.ImageTokensMax + TemplateTokensMax +
            SegmentRequest.AnswerTokensMax + (long)Encoding.UTF8.GetByteCount(phrase)));
        return phrases + (request.Points.Count + request.Boxes.Count > 0 ? model.ImageTokensMax : 0);
    }

    internal static void Range(string what, double value, double min, double max)
    {
        // Written so that NaN fails too.
        if (!(value >= min && value <= max))
        {
            throw new PixException(PixErrorKind.InvalidArgument, $"{what} is {value}; it must be in [{min}, {max}].");
        }
    }

    private IEnumerable<string> Allowed(Tenant tenant) =>
        catalog.Models.Select(static model => model.Name).Where(name => TenantRules.Allows(tenant.Rules.Models, name));

    private static string Clip(string name) => name.Length <= 64 ? name : name[..64];
}
