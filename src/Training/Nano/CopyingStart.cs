using PixSearch.Abstractions;
using PixSearch.Models.Text;
using PixSearch.Models.Weights;
using PixSearch.Tensors;

namespace PixSearch.Training.Nano;

/// <summary>
/// Starts a small decoder with the circuit that copies: a head that looks one token back, and heads that look for the
/// place where the current token stood before and write what followed it (induction heads: Olsson et al. 2022). Random
/// weights find the circuit too, after tens of millions of tokens; a model that learns on two cores sees some millions
/// an hour. Weights shaped like trained ones are a known shortcut (mimetic initialisation: Trockman and Kolter, ICML
/// 2023), and training changes them like all others. Some heads of the first three layers stay random.
/// </summary>
/// <remarks>
/// With P and U random orthogonal matrices: layer 0 adds U P e(previous) to the residual stream; layers 1 and 2 compare
/// P e(current) with it and add P^T P e of where they look. Needs biases on queries and keys (position alone decides in
/// layer 0), one key head a query head, and rotary frequencies low enough to leave content dimensions.
/// </remarks>
internal static class CopyingStart
{
    // Distance over which a content dimension may turn by about a radian: the tokens of a question with its evidence.
    private const double Reach = 500;

    // Scores: the previous token against its neighbours (about 4 apart), a match against noise (8, noise 2).
    private const float PositionBias = 6.3f;
    private const float MatchGain = 2.4f;

    private const int FinderHeads = 2;
    private const float PositionGain = 0.5f;

    // Row norms of values and outputs. Previous tokens arrive with the norm of the token itself, copies with twice
    // that.
    private const float ShiftGain = 0.3f;
    private const float CopyGain = 0.43f;

    /// <summary>Overwrites half of the heads of layers 0, 1 and 2.</summary>
    /// <exception cref="PixException">No biases, too few layers, or grouped key heads.</exception>
    public static void Install(WeightStore weights, LlamaConfig config, ulong seed)
    {
        int half = config.NumAttentionHeads / 2;
        double[] frequencies = [.. Enumerable.Range(0, config.HeadSize / 2)
            .Select(i => Math.Pow(config.RopeTheta, -2.0 * i / config.HeadSize))];
        int[] slow = [.. Enumerable.Range(0, frequencies.Length).Where(i => frequencies[i] * Reach < 1)];
        int[] content = [.. slow, .. slow.Select(i => i + frequencies.Length)];
        if (!config.AttentionBias || config.NumHiddenLayers < 3 || config.KeyValueHeads != config.NumAttentionHeads
            || half == 0 || content.Length < 4)
        {
            throw new PixException(PixErrorKind.BrokenArtifact,
                "copyingStart needs attention_bias, three layers, as many key heads as heads, and a rope_theta with "
                + $"dimensions slower than 1/{Reach} radian a token; the model has {config}.");
        }

        var random = new SeededRandom(seed);
        float[][] read = Orthogonal(config.HiddenSize, random);
        float[][] write = Orthogonal(config.HiddenSize, random);
        var first = new Heads(weights, config, 0);
        int size = config.HeadSize;
        for (int head = 0; head < half; head++)
        {
            first.LookBack(head, frequencies);
            for (int r = 0; r < size; r++)
            {
                int row = (head * size) + r;
                Put(first.Value, row, read[row], ShiftGain);
                PutColumn(first.Output, row, write[row], ShiftGain);
            }
        }

        // The two layers look with different dimensions and copy different halves of the space.
        for (int layer = 1; layer <= 2; layer++)
        {
            var heads = new Heads(weights, config, layer);
            for (int head = 0; head < half; head++)
            {
                for (int r = 0; r < size; r++)
                {
                    int place = Array.IndexOf(content, r);
                    int dimension = ((((layer - 1) * half) + head) * content.Length + Math.Max(place, 0))
                        % (half * size);
                    heads.Match((head * size) + r, read[dimension], write[dimension], place < 0 ? 0 : MatchGain);
                    heads.Copy((head * size) + r, read[(((layer - 1) * half) + head) * size + r]);
                }
            }
        }

        InstallFinders(weights, config, content, random);
    }

    /// <summary>
    /// Two more heads of layers 1 and 2: they look at every place where the current token stands, patches of a picture
    /// included that bear its name (<see cref="Loading.PatchNamer"/>), and copy what is there, the place too.
    /// </summary>
    private static void InstallFinders(WeightStore weights, LlamaConfig config, int[] content,
        SeededRandom random)
    {
        float[][] read = Orthogonal(config.HiddenSize, random);
        int half = config.NumAttentionHeads / 2;
        int size = config.HeadSize;
        int next = 0;
        for (int layer = 1; layer <= 2; layer++)
        {
            var heads = new Heads(weights, config, layer);
            for (int head = half; head < Math.Min(half + FinderHeads, config.NumAttentionHeads); head++)
            {
                for (int r = 0; r < size; r++)
                {
                    int place = Array.IndexOf(content, r);
                    float[] matched = read[((head * content.Length) + (layer * 97) + Math.Max(place, 0)) % read.Length];
                    heads.Match((head * size) + r, matched, matched, place < 0 ? 0 : MatchGain);
                    heads.Copy((head * size) + r, read[next++ % read.Length]);
                }
            }
        }
    }

    /// <summary>
    /// Positions of a vision transformer's patches as sines over rows and columns (cf. MAE, arXiv 2111.06377), as
    /// strong as what a patch shows: tables that start near zero take long to be heard.
    /// </summary>
    internal static void InstallPositions(Weight table, int grid)
    {
        int width = table.Shape[1];
        int quarter = width / 4;
        for (int patch = 0; patch < grid * grid; patch++)
        {
            Span<float> row = table.Plain!.Span.Slice((patch + 1) * width, width);
            for (int i = 0; i < quarter; i++)
            {
                // From one wave over eight pictures to one over two patches.
                double frequency = Math.PI / 4 / grid * Math.Pow(4.0 * grid, (double)i / Math.Max(1, quarter - 1));
                (row[i], row[quarter + i]) = Wave(frequency * ((patch % grid) + 0.5));
                (row[(2 * quarter) + i], row[(3 * quarter) + i]) = Wave(frequency * ((patch / grid) + 0.5));
            }
        }
    }

    private static (float Sine, float Cosine) Wave(double angle) =>
        (PositionGain * (float)Math.Sin(angle), PositionGain * (float)Math.Cos(angle));

    private static void Put(Weight weight, int row, float[] numbers, float gain)
    {
        Span<float> to = weight.Plain!.Span.Slice(row * numbers.Length, numbers.Length);
        for (int i = 0; i < to.Length; i++)
        {
            to[i] = gain * numbers[i];
        }
    }

    private static void PutColumn(Weight weight, int column, float[] numbers, float gain)
    {
        Span<float> to = weight.Plain!.Span;
        int width = weight.Shape[1];
        for (int i = 0; i < numbers.Length; i++)
        {
            to[(i * width) + column] = gain * numbers[i];
        }
    }

    // Rows of a random orthogonal matrix: Gram-Schmidt on Gaussian rows.
    private static float[][] Orthogonal(int size, SeededRandom random)
    {
        double[][] rows = new double[size][];
        for (int r = 0; r < size; r++)
        {
            double[] row = [.. Enumerable.Range(0, size).Select(_ => random.NextGaussian())];
            for (int other = 0; other < r; other++)
            {
                double dot = 0;
                for (int i = 0; i < size; i++)
                {
                    dot += row[i] * rows[other][i];
                }

                for (int i = 0; i < size; i++)
                {
                    row[i] -= dot * rows[other][i];
                }
            }

            double norm = Math.Sqrt(row.Sum(value => value * value));
            rows[r] = [.. row.Select(value => value / norm)];
        }

        return [.. rows.Select(row => row.Select(value => (float)value).ToArray())];
    }

    /// <summary>The attention weights of a layer. Shapes: [heads * size, hidden], the output transposed.</summary>
    private sealed class Heads(WeightStore weights, LlamaConfig config, int layer)
    {
        public Weight Query => Find("q_proj.weight");

        public Weight Key => Find("k_proj.weight");

        public Weight Value => Find("v_proj.weight");

        public Weight Output => Find("o_proj.weight");

        public void Match(int row, float[] query, float[] key, float gain)
        {
            Put(Query, row, query, gain);
            Put(Key, row, key, gain);
        }

        public void Copy(int row, float[] copied)
        {
            Put(Value, row, copied, CopyGain);
            PutColumn(Output, row, copied, CopyGain);
        }

        // Rotary pairs are (i, i + size/2), turned by position x frequency: with key s and query s e^(-if) a pair
        // scores s^2 cos(f (distance - 1)).
        public void LookBack(int head, double[] frequencies)
        {
            int size = config.HeadSize;
            Span<float> query = Find("q_proj.bias").Plain!.Span.Slice(head * size, size);
            Span<float> key = Find("k_proj.bias").Plain!.Span.Slice(head * size, size);
            for (int i = 0; i < size / 2; i++)
            {
                query[i] = PositionBias * (float)Math.Cos(frequencies[i]);
                query[i + (size / 2)] = -PositionBias * (float)Math.Sin(frequencies[i]);
                key[i] = PositionBias;
            }

            Query.Plain!.Span.Slice(head * size * config.HiddenSize, size * config.HiddenSize).Clear();
            Key.Plain!.Span.Slice(head * size * config.HiddenSize, size * config.HiddenSize).Clear();
        }

        private Weight Find(string name) => weights.Find($"model.layers.{layer}.self_attn.{name}")!;
    }
}
