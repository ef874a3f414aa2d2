using PixSearch.Models.Layers;
using PixSearch.Models.Sam;
using PixSearch.Tensors;

namespace PixSearch.Models.Plum;

/// <summary>
/// PLUM's mask loop: masks of an answer in text order, each with a dense prompt pooled from the earlier ones. Answers
/// go in step:
/// their first masks in one batch, then their second masks, and so on.
/// </summary>
public sealed class MaskFeedback(SamPromptEncoder prompts, SamMaskDecoder decoder, MaskPooler pooler)
{
    /// <summary>Low-resolution mask logits. Gradients flow through the feedback too.</summary>
    /// <param name="backend">Where it is computed.</param>
    /// <param name="pictures">Image embeddings. Shape: [pictures, C, grid, grid].</param>
    /// <param name="queries">Span queries. Shape: [rows, C].</param>
    /// <param name="rows">Picture and answer of each row.</param>
    /// <returns>Shape: [rows, 4 grid, 4 grid], in the order of the rows.</returns>
    public Tensor Decode(IBackend backend, Tensor pictures, Tensor queries, IReadOnlyList<MaskRow> rows)
    {
        using var scope = new TensorScope();
        List<int[]> steps = StepsOf(rows);
        Tensor positions = prompts.DensePositions(backend);
        var masks = new List<Tensor>();
        foreach (int[] step in steps)
        {
            Tensor query = backend.Gather(queries, step);
            Tensor dense = masks.Count == 0 ? prompts.NoMask(backend) : Pool(backend, queries, masks, steps, rows,
                step);
            int[] picture = [.. step.Select(row => rows[row].Picture)];
            Tensor sparse = backend.Reshape(query, new Shape(step.Length, 1, query.Size(1)));
            Tensor mask = decoder.Forward(backend, pictures, picture, positions, sparse, dense).Masks;
            masks.Add(backend.Reshape(mask, new Shape(step.Length, mask.Size(2), mask.Size(3))));
        }

        return scope.Keep(InRowOrder(backend, masks, steps, rows.Count));
    }

    /// <summary>
    /// The dense prompt of a row, for parity tests: no mask, or what is pooled from earlier masks. Shapes: queries [n,
    /// C], masks [n, 4 grid, 4 grid], result [1, C, grid, grid].
    /// </summary>
    public Tensor DensePrompt(IBackend backend, Tensor queries, Tensor masks) => masks.Size(0) == 0
        ? prompts.NoMask(backend)
        : pooler.Forward(backend, backend.Reshape(queries, new Shape(1, queries.Size(0), queries.Size(1))),
            backend.Reshape(masks, new Shape(1, masks.Size(0), masks.Size(1), masks.Size(2))));

    // Step i holds the i-th row of every answer that has so many.
    private static List<int[]> StepsOf(IReadOnlyList<MaskRow> rows)
    {
        var seen = new Dictionary<int, int>();
        var steps = new List<List<int>>();
        for (int row = 0; row < rows.Count; row++)
        {
            int step = seen.GetValueOrDefault(rows[row].Answer);
            seen[rows[row].Answer] = step + 1;
            if (step == steps.Count)
            {
                steps.Add([]);
            }

            steps[step].Add(row);
        }

        return [.. steps.Select(step => step.ToArray())];
    }

    private Tensor Pool(IBackend backend, Tensor queries, List<Tensor> masks, List<int[]> steps,
        IReadOnlyList<MaskRow> rows, int[] step)
    {
        var earlierMasks = new Tensor[masks.Count];
        var earlierQueries = new Tensor[masks.Count];
        for (int s = 0; s < masks.Count; s++)
        {
            // Where in step s the same answer stands; every answer of a later step is in all earlier ones.
            int[] before = steps[s];
            int[] index = [.. step.Select(row => Array.FindIndex(before, b => rows[b].Answer == rows[row].Answer))];
            Tensor mask = backend.Gather(masks[s], index);
            earlierMasks[s] = backend.Reshape(mask, new Shape(step.Length, 1, mask.Size(1), mask.Size(2)));
            Tensor query = backend.Gather(queries, [.. index.Select(i => before[i])]);
            earlierQueries[s] = backend.Reshape(query, new Shape(step.Length, 1, query.Size(1)));
        }

        return pooler.Forward(backend, Join(backend, earlierQueries), Join(backend, earlierMasks));
    }

    private static Tensor Join(IBackend backend, Tensor[] parts) =>
        parts.Length == 1 ? parts[0] : backend.Concat(1, parts);

    private static Tensor InRowOrder(IBackend backend, List<Tensor> masks, List<int[]> steps, int count)
    {
        int[] order = new int[count];
        int at = 0;
        foreach (int row in steps.SelectMany(step => step))
        {
            order[row] = at++;
        }

        Tensor all = masks.Count == 1 ? masks[0] : backend.Concat(0, [.. masks]);
        return backend.Gather(all, order);
    }
}
