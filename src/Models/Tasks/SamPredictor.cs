using PixSearch.Abstractions;
using PixSearch.Imaging;
using PixSearch.Imaging.Masks;
using PixSearch.Models.Preprocessing;
using PixSearch.Models.Sam;
using PixSearch.Tensors;

namespace PixSearch.Models.Tasks;

/// <summary>
/// SAM by itself: one picture is encoded once, then asked with points, boxes and masks in pixels of the original
/// picture.
/// </summary>
public sealed class SamPredictor : IDisposable
{
    // The logit that a given mask's pixels get as a prompt: probability 0.9997, as sure as SAM's own low-resolution
    // masks.
    private const float MaskLogit = 8;

    private readonly IBackend _backend;
    private readonly SamConfig _config;
    private readonly SamPromptEncoder _prompts;
    private readonly SamMaskDecoder _decoder;
    private readonly PreparedPicture _prepared;
    private readonly Tensor _features;
    private readonly int _height;
    private readonly int _width;

    /// <summary>Encodes the picture.</summary>
    public SamPredictor(IBackend backend, SamConfig config, SamImageEncoder encoder, SamPromptEncoder prompts,
        SamMaskDecoder decoder, RgbImage picture)
    {
        (_backend, _config, _prompts, _decoder) = (backend, config, prompts, decoder);
        (_height, _width) = (picture.Height, picture.Width);
        _prepared = PicturePreprocessor.SamPadded(picture, config.ImageSize);
        using var scope = new TensorScope();
        _features = TensorScope.Detach(encoder.Forward(backend, _prepared.ToTensor(backend)));
    }

    /// <summary>Masks for one prompt, best first: one, or three of different extent.</summary>
    /// <param name="points">Points inside or outside of the object.</param>
    /// <param name="boxes">Boxes round the object.</param>
    /// <param name="mask">A rough mask of the object, in the size of the picture; null for none.</param>
    /// <param name="multimask">Three masks instead of one.</param>
    /// <exception cref="PixException">A point or a box lies outside of the picture, or the mask is of another
    /// size.</exception>
    public IReadOnlyList<SegmentedTarget> Predict(IReadOnlyList<SamPoint> points, IReadOnlyList<SamBox> boxes,
        BinaryMask? mask = null, bool multimask = false)
    {
        if (points.Count + boxes.Count == 0 && mask is null)
        {
            throw new ArgumentException("SAM needs a point, a box or a mask.");
        }

        CheckInside(points, boxes);
        using var scope = new TensorScope();
        float x = (float)_prepared.ValidWidth / _width;
        float y = (float)_prepared.ValidHeight / _height;
        SamPoint[] scaledPoints = [.. points.Select(p => new SamPoint(p.X * x, p.Y * y, p.Inside))];
        SamBox[] scaledBoxes = [.. boxes.Select(b => new SamBox(b.Left * x, b.Top * y, b.Right * x, b.Bottom * y))];
        Tensor sparse = points.Count + boxes.Count == 0
            ? _backend.Zeros(new Shape(1, 0, _config.OutChans))
            : _prompts.EncodePoints(_backend, scaledPoints, scaledBoxes);
        Tensor dense = mask is null ? _prompts.NoMask(_backend) : _prompts.EncodeMask(_backend, MaskPrompt(mask));
        (Tensor masks, Tensor quality) = _decoder.Forward(_backend, _features, [0], _prompts.DensePositions(_backend),
            sparse, dense, multimask);
        Tensor logits = SamPostprocess.ToOriginal(_backend, masks, _config.ImageSize, _prepared.ValidHeight,
            _prepared.ValidWidth, _height, _width);
        float[] scores = new float[quality.Count];
        _backend.Read(quality, scores);
        logits = _backend.Reshape(logits, new Shape(scores.Length, _height, _width));
        IReadOnlyList<SegmentedTarget> targets = SegmentedTarget.FromLogits(_backend, logits,
            new string[scores.Length]);
        return [.. targets
            .Select((target, i) => target with { Phrase = "", Score = Math.Clamp(scores[i], 0, 1) })
            .OrderByDescending(target => target.Score)];
    }

    /// <inheritdoc/>
    public void Dispose() => _features.Dispose();

    // SAM would answer with a mask of something else. A box may reach over the edge, as those of detectors do.
    private void CheckInside(IReadOnlyList<SamPoint> points, IReadOnlyList<SamBox> boxes)
    {
        foreach (SamPoint point in points)
        {
            if (!(point.X >= 0 && point.Y >= 0 && point.X <= _width && point.Y <= _height))
            {
                throw new PixException(PixErrorKind.InvalidArgument, FormattableString.Invariant(
                    $"The point {point.X},{point.Y} lies outside of the picture ({_width}x{_height})."));
            }
        }

        foreach (SamBox box in boxes)
        {
            if (!(box.Left < _width && box.Top < _height && box.Right > 0 && box.Bottom > 0))
            {
                throw new PixException(PixErrorKind.InvalidArgument, FormattableString.Invariant(
                    $"The box from {box.Left},{box.Top} to {box.Right},{box.Bottom} does not meet the picture ")
                    + $"({_width}x{_height}).");
            }
        }
    }

    // Shape: [1, 1, 4 grid, 4 grid]; what lies outside of the picture counts as outside of the object.
    private Tensor MaskPrompt(BinaryMask mask)
    {
        if (mask.Width != _width || mask.Height != _height)
        {
            throw new PixException(PixErrorKind.InvalidArgument,
                $"The mask is {mask.Width}x{mask.Height}, the picture {_width}x{_height}; they must be equally large.");
        }

        int side = _config.MaskSize;
        int width = Math.Max(1, (int)((long)_prepared.ValidWidth * side / _config.ImageSize));
        int height = Math.Max(1, (int)((long)_prepared.ValidHeight * side / _config.ImageSize));
        BinaryMask small = mask.Resize(width, height);
        float[] logits = new float[side * side];
        Array.Fill(logits, -MaskLogit);
        for (int row = 0; row < height; row++)
        {
            for (int column = 0; column < width; column++)
            {
                logits[(row * side) + column] = small[column, row] ? MaskLogit : -MaskLogit;
            }
        }

        return _backend.From(logits, new Shape(1, 1, side, side));
    }
}
