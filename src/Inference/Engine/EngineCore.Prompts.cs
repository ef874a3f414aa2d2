using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Models;
using PixSearch.Models.Families;
using PixSearch.Models.Tasks;

namespace PixSearch.Inference.Engine;

/// <summary>Masks for points and boxes, as the engine takes them.</summary>
/// <param name="Tenant">Who pays.</param>
/// <param name="Picture">The decoded picture.</param>
/// <param name="PictureKey"><see cref="EngineRequest.KeyOf"/> of tenant and picture.</param>
/// <param name="Prompts">At least one.</param>
/// <param name="Deadline">When the answer is no longer wanted.</param>
public sealed record PromptRequest(string Tenant, RgbImage Picture, UInt128 PictureKey,
    IReadOnlyList<SamPrompt> Prompts, DateTimeOffset? Deadline);

/// <summary>What a <see cref="PromptRequest"/> found.</summary>
/// <param name="Targets">One a prompt.</param>
/// <param name="ImageTokens">Slots of the picture; 0 when it was encoded before.</param>
public sealed record PromptResult(IReadOnlyList<SegmentedTarget> Targets, int ImageTokens);

/// <content>Masks without words: between two steps, on the same model and picture cache.</content>
public sealed partial class EngineCore
{
    /// <summary>Decodes masks of points and boxes now.</summary>
    /// <exception cref="PixException">InvalidArgument: the model has no SAM. DeadlineExceeded: too late.</exception>
    public PromptResult Segment(PromptRequest request)
    {
        if (_model is not IPromptedModel model)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"{_model.Name} ({_model.Family}) takes phrases only: points and boxes need a model with SAM.");
        }

        if (request.Deadline <= _time.GetUtcNow())
        {
            throw new PixException(PixErrorKind.DeadlineExceeded, "The deadline passed before the masks were decoded.");
        }

        Ledger.Enter(request.Tenant);
        try
        {
            bool made = _images.Take(request.PictureKey, request.Picture, out IImageEncoding encoding);
            try
            {
                double cost = (_weights.Mask * request.Prompts.Count) + (made ? _weights.ImageEncoding : 0);
                Ledger.Charge(request.Tenant, cost);
                IReadOnlyList<SegmentedTarget> targets = model.SegmentPrompts(encoding, request.Prompts);
                _count.Masks += targets.Count;
                return new PromptResult(targets, made ? encoding.SlotCount : 0);
            }
            finally
            {
                _images.Release(request.PictureKey);
            }
        }
        finally
        {
            Ledger.Leave(request.Tenant);
        }
    }
}
